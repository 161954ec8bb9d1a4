"""The ops, a file for each family, and the one table that binds them to Tensor as operators and methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.ops import (
    activation,
    batch_norm as _batch_norm,
    comparison,
    contraction,
    convolution,
    cumulative,
    diagonals,
    elementwise,
    folding,
    indexing,
    joining,
    linalg,
    local_response_norm as _local_response_norm,
    loss,
    normalization,
    pooling,
    recurrent,
    reduction,
    shape,
    sorting,
    special,
    transfer,
    trigonometric,
    whitening,
)
from minigrad.tensor import Tensor

FAMILIES = (
    elementwise, comparison, trigonometric, special, reduction, cumulative, shape, joining, diagonals, indexing, sorting, transfer,
    contraction, linalg, convolution, folding, pooling, activation, _batch_norm, normalization, _local_response_norm, whitening,
    recurrent, loss,
)  # fmt: skip
for _family in FAMILIES:
    globals().update({name: getattr(_family, name) for name in _family.__all__})

__all__ = [name for family in FAMILIES for name in family.__all__]  # noqa: PLE0605

# ------------------------------------------------------------------------------------------------------- the one table

#: operators of two operands, by the stem of their names: "add" is a + b (__add__) and its reflected form (__radd__)
OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "matmul": "matmul",
    "pow": "pow",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
}

#: attributes of Tensor -> the op (or plain function) that is called with the tensor as its first argument
METHODS: dict[str, str | Callable[..., Any]] = {
    "__neg__": "negative",
    "__pos__": "positive",
    "__abs__": "abs",
    "__invert__": "bitwise_invert",
    "__eq__": "equal",
    "__ne__": "not_equal",
    "__lt__": "less",
    "__le__": "less_equal",
    "__gt__": "greater",
    "__ge__": "greater_equal",
    **{name: name for name in ("abs", "astype", "clip", "copy", "round")},
    **{name: name for name in ("exp", "log", "sqrt", "square", "tanh", "sigmoid", "relu")},
    **{name: name for name in ("sum", "mean", "prod", "max", "min", "var", "std", "all", "any", "argmax", "argmin", "argsort")},
    **{name: name for name in ("swapaxes", "squeeze", "flatten", "ravel", "repeat", "take", "to")},
    "cumsum": "cumulative_sum",
    "cumprod": "cumulative_prod",
    "reshape": shape.reshape_method,
    "transpose": shape.transpose_method,
    "__getitem__": indexing.getitem_method,
}

#: properties of Tensor -> how they are computed
PROPERTIES: dict[str, Callable[[Tensor], Any]] = {
    "T": lambda x: x.transpose(),
    "mT": lambda x: x.swapaxes(-1, -2),
}


def _reflected(op: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method that is called for ``a <op> tensor`` where ``a`` is not a Tensor."""
    return lambda tensor, a: op(a, tensor)


def _bind() -> None:
    """Put the table on Tensor: the plain call path of each op, which becomes a method there."""
    plain = {name: getattr(globals()[name], "method", globals()[name]) for name in __all__}
    for stem, name in OPERATORS.items():
        setattr(Tensor, f"__{stem}__", plain[name])
        setattr(Tensor, f"__r{stem}__", _reflected(plain[name]))
    for attribute, name in METHODS.items():
        setattr(Tensor, attribute, plain[name] if isinstance(name, str) else name)
    for attribute, compute in PROPERTIES.items():
        setattr(Tensor, attribute, property(compute))


_bind()
