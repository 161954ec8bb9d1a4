"""Bad inputs of every op, with the error they must give and the words it must contain; the op's name is always one of them.

Inputs are named as the op names them (``x: float64[2, 3]``), so that the words say what came. What is refused in the same way by
many ops (text among numbers, shapes that do not broadcast) stands once, for all of them by name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.gradcheck.samples import Sample


class Bad(Sample):
    """A call that must raise ``error``; its message and notes must contain every one of ``words``."""

    def __init__(self, error: type[Exception], words: list[str], *args: Any, **params: Any) -> None:
        super().__init__(*args, **params)
        self.error, self.words = error, words


def ones(*shape: int) -> Any:
    """Return ones of a shape."""
    return np.ones(shape)


def ints(*values: Any) -> Any:
    """Return integers as an array, of the same type everywhere."""
    return np.array(values, dtype=np.int64)


X = ones(2, 3)  #: "float64[2, 3]" in an error
IMAGE = ones(1, 2, 4, 4)
AXIS = np.exceptions.AxisError
FAR = "axis 2 is out of bounds"

# ------------------------------------------------------------------------------------------- alike for many ops, by name

FUNCTIONS = [  # of one number, without parameters
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "bitwise_invert", "ceil", "cos", "cosh", "erf", "erfc", "erfinv", "exp",
    "exp2", "expm1", "floor", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2", "logit", "negative", "positive",
    "reciprocal", "relu", "sigmoid", "sign", "signbit", "silu", "sin", "sinc", "sinh", "softsign", "sqrt", "square", "tan", "tanh",
    "tanhshrink", "trunc",
]  # fmt: skip
PAIRS = [  # of two numbers, which broadcast
    "add", "atan2", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "copysign", "divide", "equal",
    "floor_divide", "greater",
    "greater_equal", "hypot", "less", "less_equal", "logaddexp", "logical_and", "logical_or", "logical_xor", "maximum", "minimum",
    "multiply", "nextafter", "not_equal", "pow", "remainder", "sigmoid_cross_entropy", "subtract", "xlogy",
]  # fmt: skip
WHOLE = ("bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor")  # integers and truth values only
REDUCTIONS = [
    "all", "any", "argmax", "argmin", "count_nonzero", "logsumexp", "max", "mean", "min", "prod", "std", "sum", "var", "vector_norm",
]  # fmt: skip
ALONG = [
    "argsort",
    "cummax",
    "cummin",
    "cumulative_prod",
    "cumulative_sum",
    "flip",
    "log_softmax",
    "logcumsumexp",
    "softmax",
    "sort",
]  # an axis, with parameters of their own
OF_NOTHING = ["argmax", "argmin", "max", "mean", "min", "std", "var"]  # reductions without a value for no elements
SQUARE = ["cholesky", "det", "eigh", "inv", "slogdet"]
MATRICES = ["pinv", "qr", "svd"]


def _pair(name: str) -> list[Bad]:
    a, b = (X, ones(2)) if name not in WHOLE else (np.ones((2, 3), int), np.ones(2, int))
    second = "target" if name == "sigmoid_cross_entropy" else "b"
    misfit = Bad(ValueError, [f": {a.dtype}[2, 3]", f"{second}: {b.dtype}[2]"], a, b)
    return [misfit, Bad(TypeError, [f"'{second}'"], a)]


ALIKE: dict[str, list[Bad]] = {
    **{name: [Bad(TypeError, ["x: str"], "one"), Bad(TypeError, ["were given"], X, X, X)] for name in FUNCTIONS},
    **{name: _pair(name) for name in PAIRS},
    **{
        name: [Bad(AXIS, [FAR, "x: float64[2, 3]", "axis=2"], X, axis=2), Bad(TypeError, ["dim is called axis"], X, dim=0)]
        for name in (*REDUCTIONS, *ALONG)
    },
    **{name: [Bad(ValueError, ["(2, 3)", "square"], X), Bad(TypeError, ["'x'"])] for name in SQUARE},
    **{name: [Bad(ValueError, ["(3,)", "matrices"], ones(3))] for name in MATRICES},
}
for _name in WHOLE:
    ALIKE[_name].append(Bad(TypeError, ["a: float64[2, 3]"], X, X))
for _name in OF_NOTHING:
    ALIKE[_name].append(Bad(ValueError, ["x: float64[0, 3]"], ones(0, 3), axis=0))
ALIKE["bitwise_invert"].append(Bad(TypeError, ["x: float64[2, 3]"], X))

# --------------------------------------------------------------------------------------------------------- op by op

ARRAYS: dict[str, list[Bad]] = {
    # elementwise
    "astype": [Bad(TypeError, ["dtype='number'"], X, dtype="number"), Bad(TypeError, ["dtype"], X)],
    "clip": [Bad(ValueError, ["min: float64[2]", "x: float64[2, 3]"], X, ones(2)), Bad(TypeError, ["max: str"], X, None, "one")],
    "copy": [Bad(TypeError, ["were given"], X, X, X), Bad(TypeError, ["'x'"])],
    "logical_not": [Bad(TypeError, ["were given"], X, X, X), Bad(TypeError, ["'x'"])],
    "negative": [Bad(TypeError, ["x: bool[2, 3]"], X > 0)],
    "subtract": [Bad(TypeError, ["a: bool[2, 3]", "b: bool[2, 3]"], X > 0, X > 0)],
    "pow": [Bad(ValueError, ["negative integer powers", "a: int64[2]"], ints(2, 3), ints(-1, -2))],
    "where": [Bad(ValueError, ["condition: bool[2]", "a: float64[2, 3]"], ones(2) > 0, X, X), Bad(TypeError, ["'b'"], X > 0, X)],
    "lerp": [Bad(ValueError, ["weight: float64[2]"], X, X, ones(2)), Bad(TypeError, ["'weight'"], X, X)],
    "round": [Bad(TypeError, ["decimals='two'"], X, decimals="two")],
    # activation
    "dropout": [
        Bad(ValueError, ["mask: bool[2]", "x: float64[2, 3]"], X, ones(2) > 0, p=0.5),
        Bad(ValueError, ["p is 1.5", "0 to 1"], X, X > 0, p=1.5),
        Bad(ValueError, ["p is -0.5", "0 to 1"], X, X > 0, p=-0.5),
        Bad(TypeError, ["p"], X, X > 0),
    ],
    "elu": [Bad(TypeError, ["alpha='one'"], X, alpha="one")],
    "gelu": [Bad(ValueError, ["approximate is 'erf'", "'none' or 'tanh'"], X, approximate="erf")],
    "hardtanh": [
        Bad(TypeError, ["min_val='one'"], X, min_val="one"),
        Bad(ValueError, ["min_val is 1.0", "max_val is 0.0"], X, min_val=1.0, max_val=0.0),
    ],
    "leaky_relu": [Bad(TypeError, ["negative_slope='one'"], X, negative_slope="one")],
    "softplus": [Bad(ValueError, ["beta is 0", "not 0"], X, beta=0), Bad(TypeError, ["beta='one'"], X, beta="one")],
    # reduction, sorting, cumulative
    "count_nonzero": [Bad(TypeError, ["correction"], X, correction=1)],
    "prod": [Bad(TypeError, ["keepdim is called keepdims"], X, keepdim=True)],
    "sum": [
        Bad(ValueError, ["duplicate", "axis=(0, -2)"], X, axis=(0, -2)),
        Bad(AttributeError, ["x: list", "must be a tensor or an array"], [1.0, 2.0]),
    ],
    "var": [Bad(ValueError, ["2 elements", "correction 2", "(2, 3)"], X, axis=0, correction=2)],
    "std": [Bad(ValueError, ["2 elements", "correction 2", "(2, 3)"], X, axis=0, correction=2)],
    "vector_norm": [Bad(TypeError, ["ord='fro'"], X, ord="fro")],
    "topk": [
        Bad(ValueError, ["k is 4", "axis 1 has length 3"], X, k=4),
        Bad(ValueError, ["k is -1"], X, k=-1),
        Bad(AXIS, [FAR], X, k=1, axis=2),
    ],
    "cumulative_sum": [Bad(ValueError, ["axis=None", "x: float64[2, 3]"], X)],
    "cumulative_prod": [Bad(ValueError, ["axis=None", "x: float64[2, 3]"], X)],
    "cummax": [Bad(ValueError, ["axis=None", "x: float64[2, 3]"], X)],
    "cummin": [Bad(ValueError, ["axis=None", "x: float64[2, 3]"], X)],
    "logcumsumexp": [Bad(ValueError, ["axis=None", "x: float64[2, 3]"], X)],
    "searchsorted": [
        Bad(ValueError, ["(2, 3)", "one axis"], X, ones(2)),
        Bad(ValueError, ["side is 'middle'"], ones(3), ones(2), side="middle"),
    ],
    "linear_recurrence": [
        Bad(ValueError, ["a has shape (2, 3)", "b has shape (3,)"], X, ones(3), axis=0),
        Bad(AXIS, [FAR], X, X, axis=2),
    ],
    # shape
    "broadcast_to": [Bad(ValueError, ["x: float64[2, 3]", "shape=(3, 3)"], X, shape=(3, 3))],
    "expand_dims": [Bad(AXIS, ["axis 4 is out of bounds", "x: float64[2, 3]"], X, axis=4)],
    "moveaxis": [
        Bad(ValueError, ["source=(0, 1)", "destination=0"], X, source=(0, 1), destination=0),
        Bad(AXIS, [FAR], X, source=2, destination=0),
    ],
    "permute_dims": [
        Bad(ValueError, ["x: float64[2, 3]", "axes=(0, 0)"], X, axes=(0, 0)),
        Bad(ValueError, ["axes=(0, 1, 2)"], X, axes=(0, 1, 2)),
    ],
    "reshape": [
        Bad(ValueError, ["x: float64[2, 3]", "shape=(4, 2)"], X, shape=(4, 2)),
        Bad(ValueError, ["shape=(-1, -1)"], X, shape=(-1, -1)),
    ],
    "roll": [Bad(AXIS, [FAR, "x: float64[2, 3]"], X, shift=1, axis=2), Bad(TypeError, ["shift is 0.5"], X, shift=0.5)],
    "squeeze": [Bad(ValueError, ["x: float64[2, 3]", "axis=0"], X, axis=0), Bad(AXIS, [FAR], X, axis=2)],
    "swapaxes": [Bad(AXIS, [FAR, "x: float64[2, 3]"], X, axis1=0, axis2=2)],
    # joining, diagonals
    "concat": [
        Bad(ValueError, ["arrays[0]: float64[2, 3]", "arrays[1]: float64[2, 2]"], X, ones(2, 2), axis=0),
        Bad(AXIS, [FAR], X, X, axis=2),
        Bad(ValueError, ["at least one"]),
    ],
    "stack": [
        Bad(ValueError, ["arrays[0]: float64[2, 3]", "arrays[1]: float64[3]"], X, ones(3)),
        Bad(AXIS, ["axis 3 is out of bounds"], X, X, axis=3),
        Bad(ValueError, ["at least one"]),
    ],
    "pad": [
        Bad(ValueError, ["unknown mode 'mirror'", "'reflect'"], X, pad_width=1, mode="mirror"),
        Bad(ValueError, ["a pair for each of 2 axes"], X, pad_width=((1, 1), (1, 1), (1, 1))),
        Bad(ValueError, ["pad_width=-1"], X, pad_width=-1),
    ],
    "repeat": [
        Bad(ValueError, ["repeats=-1"], X, repeats=-1),
        Bad(ValueError, ["repeats=(1, 2)", "x: float64[2, 3]"], X, repeats=(1, 2), axis=1),
        Bad(AXIS, [FAR], X, repeats=2, axis=2),
    ],
    "tile": [Bad(ValueError, ["repetitions=-1"], X, repetitions=-1), Bad(TypeError, ["repetitions=0.5"], X, repetitions=0.5)],
    "diag_embed": [
        Bad(ValueError, ["2 x 2", "length 3"], X, shape=(2, 2)),
        Bad(ValueError, ["x has shape ()", "at least one axis"], ones()),
    ],
    "diagonal": [Bad(ValueError, ["(3,)", "at least two axes"], ones(3))],
    "tril": [Bad(ValueError, ["(3,)", "at least two axes"], ones(3)), Bad(TypeError, ["k='one'"], X, k="one")],
    "triu": [Bad(ValueError, ["(3,)", "at least two axes"], ones(3)), Bad(TypeError, ["k='one'"], X, k="one")],
    "transfer": [Bad(TypeError, ["source"], X), Bad(TypeError, ["were given"], X, None, None, None)],
}  # fmt: skip
