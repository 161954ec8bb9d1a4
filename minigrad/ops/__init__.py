"""The ops, a file for each family, and the one table that binds them to Tensor as operators and methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.core.tensor import Tensor

# Each family says in __all__ what is public; an op and its file may share a name (batch_norm), so only names are imported.
from minigrad.ops.activation import *
from minigrad.ops.average_pooling import *
from minigrad.ops.batch_normalization import *
from minigrad.ops.comparison import *
from minigrad.ops.contraction import *
from minigrad.ops.convolution import *
from minigrad.ops.cumulative import *
from minigrad.ops.decomposition import *
from minigrad.ops.diagonals import *
from minigrad.ops.elementwise import *
from minigrad.ops.exponential import *
from minigrad.ops.folding import *
from minigrad.ops.indexing import *
from minigrad.ops.indexing import getitem_method
from minigrad.ops.joining import *
from minigrad.ops.linalg import *
from minigrad.ops.local_response import *
from minigrad.ops.loss import *
from minigrad.ops.normalization import *
from minigrad.ops.pooling import *
from minigrad.ops.recurrent import *
from minigrad.ops.reduction import *
from minigrad.ops.rounding import *
from minigrad.ops.shape import *
from minigrad.ops.shape import reshape_method, transpose_method
from minigrad.ops.sorting import *
from minigrad.ops.special import *
from minigrad.ops.transfer import *
from minigrad.ops.trigonometric import *
from minigrad.ops.whitening import *

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
    **{name: name for name in ("swapaxes", "squeeze", "flatten", "ravel", "repeat", "take", "to", "dot")},
    "cumsum": "cumulative_sum",
    "cumprod": "cumulative_prod",
    "reshape": reshape_method,
    "transpose": transpose_method,
    "__getitem__": getitem_method,
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
    plain = {name: getattr(value, "method", value) for name, value in globals().items() if callable(value)}
    for stem, name in OPERATORS.items():
        setattr(Tensor, f"__{stem}__", plain[name])
        setattr(Tensor, f"__r{stem}__", _reflected(plain[name]))
    for attribute, method in METHODS.items():
        setattr(Tensor, attribute, plain[method] if isinstance(method, str) else method)
    for attribute, compute in PROPERTIES.items():
        setattr(Tensor, attribute, property(compute))


_bind()
