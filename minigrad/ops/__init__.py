"""The ops, a file for each family, and the one table that binds them to Tensor as operators and methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.backends import Array
from minigrad.core.tensor import Tensor

# Each family says in __all__ what is public; an op and its file may share a name (batch_norm), so only names are imported.
from minigrad.ops.activation import *
from minigrad.ops.alignment import *
from minigrad.ops.average_pooling import *
from minigrad.ops.batch_normalization import *
from minigrad.ops.comparison import *
from minigrad.ops.contraction import *
from minigrad.ops.conv import *
from minigrad.ops.cumulative import *
from minigrad.ops.decomposition import *
from minigrad.ops.diagonals import *
from minigrad.ops.elementwise import *
from minigrad.ops.exponential import *
from minigrad.ops.floating import *
from minigrad.ops.folding import *
from minigrad.ops.indexing import *
from minigrad.ops.indexing import getitem_method
from minigrad.ops.joining import *
from minigrad.ops.linalg import *
from minigrad.ops.local_response import *
from minigrad.ops.loss import *
from minigrad.ops.matrix_functions import *
from minigrad.ops.normalization import *
from minigrad.ops.pooling import *
from minigrad.ops.recurrent import *
from minigrad.ops.reduction import *
from minigrad.ops.rounding import *
from minigrad.ops.scans import *
from minigrad.ops.searching import *
from minigrad.ops.shape import *
from minigrad.ops.shape import reshape_method, transpose_method
from minigrad.ops.sorting import *
from minigrad.ops.special import *
from minigrad.ops.statistics import *
from minigrad.ops.transfer import *
from minigrad.ops.transfer import to_device_method
from minigrad.ops.trigonometric import *
from minigrad.ops.whitening import *

__all__ = [
    "abs", "acos", "acosh", "adaptive_avg_pool", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
    "adaptive_max_pool", "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d", "add", "add_at", "all", "allclose",
    "alpha_dropout", "any", "argmax", "argmin", "argsort", "argwhere", "asin", "asinh", "astype", "atan", "atan2", "atanh",
    "atleast_nd", "avg_pool", "avg_pool1d", "avg_pool2d", "avg_pool3d", "avg_pool_transpose", "batch_norm", "batch_norm_relu",
    "batch_renorm", "binary_cross_entropy", "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "broadcast_arrays", "broadcast_to", "cdist", "ceil", "celu", "cholesky", "chunk", "clip",
    "concat", "conv1d", "conv2d", "conv3d", "conv_transpose", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "convolution", "convolution_weight_grad", "copy", "copysign", "cos", "cosh", "count_nonzero", "cross", "ctc_alpha", "cummax",
    "cummin", "cumulative_prod", "cumulative_sum", "det", "diag", "diag_embed", "diagonal", "diff", "divide", "dot", "dropout",
    "eigh", "eigvalsh", "einsum", "elu", "embedding", "equal", "erf", "erfc", "erfinv", "exp", "exp2", "expand_dims", "expm1",
    "fixed_batch_norm", "flatten", "flip", "floor", "floor_divide", "fold", "gelu", "getitem", "glu", "greater", "greater_equal",
    "group_norm", "gru", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "huber", "hypot", "index_add", "instance_norm", "inv",
    "isclose", "isfinite", "isinf", "isnan", "kron", "layer_norm", "leaky_relu", "lerp", "less", "less_equal", "linear",
    "linear_recurrence", "local_response_norm", "log", "log1p", "log2", "log10", "log_softmax", "logaddexp", "logcumsumexp", "logdet",
    "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "logsigmoid", "logsumexp", "lp_pool1d", "lp_pool2d",
    "lp_pool3d", "lstm", "lstsq", "lyapunov", "masked_fill", "matmul", "matrix_norm", "matrix_power", "matrix_rank",
    "matrix_transpose", "max", "max_pool", "max_pool1d", "max_pool2d", "max_pool3d", "maximum", "mean", "mean_cross_entropy",
    "median", "meshgrid", "min", "minimum", "mish", "moveaxis", "moving_sum", "multiply", "nan_to_num", "nanmean", "nansum",
    "negative", "nextafter", "nonzero", "not_equal", "one_hot", "outer", "pad", "permute_dims", "pick", "pick_transpose", "pinv",
    "positive", "pow", "power", "prelu", "prod", "put_along_axis", "qr", "quantile", "ravel", "reciprocal", "relu", "relu6",
    "remainder", "repeat", "reshape", "rms_norm", "rnn", "roll", "round", "scatter_add", "searchsorted", "selu", "sigmoid",
    "sigmoid_cross_entropy", "sign", "signbit", "silu", "sin", "sinc", "sinh", "slogdet", "softmax", "softmax_cross_entropy",
    "softmin", "softplus", "softshrink", "softsign", "solve", "solve_triangular", "sort", "split", "sqrt", "square", "squeeze",
    "stack", "std", "subtract", "sum", "svd", "svdvals", "swapaxes", "take", "take_along_axis", "tan", "tanh", "tanhshrink",
    "tensordot", "threshold", "tile", "to", "topk", "trace", "tril", "triu", "trunc", "unfold", "unique_all", "unique_counts",
    "unique_inverse", "unique_values", "unstack", "var", "vecdot", "vector_norm", "where", "whiten_zca", "xlogy",
]  # fmt: skip

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
    "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
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
    "to_device": to_device_method,
    "transpose": transpose_method,
    "__getitem__": getitem_method,
}


def _transposed(x: Tensor) -> Tensor:
    """The axes in reverse order."""
    return x.transpose()


def _matrix_transposed(x: Tensor) -> Tensor:
    """The last two axes exchanged."""
    return x.swapaxes(-1, -2)


#: properties of Tensor -> how they are computed
PROPERTIES: dict[str, Callable[[Tensor], Tensor]] = {"T": _transposed, "mT": _matrix_transposed}


def _reflected(op: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method that is called for ``a <op> tensor`` where ``a`` is not a Tensor."""

    def method(b: Array, a: Array) -> Array:
        return op(a, b)

    return method


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
