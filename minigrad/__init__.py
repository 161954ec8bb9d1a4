"""minigrad: a from-scratch autograd micro-framework.

An op is a formula, and every formula is checked. Read the source in this order: ops/elementwise.py,
core/graph.py, core/tensor.py, core/op.py, core/formula.py, ops/batch_normalization.py.
"""

from __future__ import annotations

import builtins as _builtins
from importlib import import_module
from typing import TYPE_CHECKING, Any

from minigrad import kernels as _kernels, ops, random  # noqa: F401
from minigrad.anomaly import AnomalyError, detect_anomaly
from minigrad.autograd import (
    enable_grad,
    grad,
    hessian,
    hvp,
    is_grad_enabled,
    jacobian,
    jvp,
    no_grad,
    vjp,
)
from minigrad.backends import LOADERS, DeviceUnavailableError
from minigrad.checkpointing import checkpoint
from minigrad.core import _hints as _habits
from minigrad.core.device import Device, default_device, device, set_default_device
from minigrad.core.graph import Node as _Node
from minigrad.core.mode import plain
from minigrad.core.op import OPS, op
from minigrad.core.tensor import Tensor
from minigrad.creation import (
    arange,
    as_tensor,
    asarray,
    empty,
    empty_like,
    eye,
    from_dlpack,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    tensor,
    tri,
    zeros,
    zeros_like,
)
from minigrad.ops import *
from minigrad.random import manual_seed

__version__ = "0.1.0"

__all__ = [
    "OPS", "AnomalyError", "Device", "DeviceUnavailableError", "GradScaler", "Tensor", "__version__", "abs", "acos", "acosh",
    "adaptive_avg_pool", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool",
    "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d", "add", "add_at", "all", "allclose", "alpha_dropout", "any",
    "arange", "argmax", "argmin", "argsort", "argwhere", "array_api", "as_tensor", "asarray", "asin", "asinh", "astype", "atan",
    "atan2", "atanh", "atleast_nd", "autocast", "avg_pool", "avg_pool1d", "avg_pool2d", "avg_pool3d", "avg_pool_transpose",
    "batch_norm", "batch_norm_relu", "batch_renorm", "binary_cross_entropy", "bitwise_and", "bitwise_invert", "bitwise_left_shift",
    "bitwise_or", "bitwise_right_shift", "bitwise_xor", "bool", "broadcast_arrays", "broadcast_to", "can_cast", "capture", "cdist",
    "ceil", "celu", "checkpoint", "cholesky", "chunk", "clip", "concat", "conv1d", "conv2d", "conv3d", "conv_transpose",
    "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "convolution", "convolution_weight_grad", "copy", "copysign", "cos",
    "cosh", "count_nonzero", "cross", "ctc_alpha", "cuda", "cummax", "cummin", "cumulative_prod", "cumulative_sum", "data",
    "default_device", "det", "detect_anomaly", "device", "diag", "diag_embed", "diagonal", "diff", "distributed", "divide", "dot",
    "dropout", "e", "eigh", "eigvalsh", "einsum", "elu", "embedding", "empty", "empty_like", "enable_grad", "equal", "erf", "erfc",
    "erfinv", "exp", "exp2", "expand_dims", "explain", "explore", "expm1", "export", "export_onnx", "eye", "finfo",
    "fixed_batch_norm", "flatten", "flip", "float16", "float32", "float64", "floor", "floor_divide", "fold", "from_dlpack", "full",
    "full_like", "gelu", "getitem", "glu", "grad", "gradcheck", "greater", "greater_equal", "group_norm", "gru", "hardshrink",
    "hardsigmoid", "hardswish", "hardtanh", "hessian", "huber", "hvp", "hypot", "iinfo", "import_onnx", "index_add", "inf",
    "instance_norm", "int8", "int16", "int32", "int64", "inv", "is_grad_enabled", "isclose", "isdtype", "isfinite", "isinf", "isnan",
    "jacobian", "jvp", "kron", "layer_norm", "leaky_relu", "lerp", "less", "less_equal", "linalg", "linear", "linear_recurrence",
    "linspace", "load", "local_response_norm", "log", "log1p", "log2", "log10", "log_softmax", "logaddexp", "logcumsumexp", "logdet",
    "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "logsigmoid", "logsumexp", "lp_pool1d", "lp_pool2d",
    "lp_pool3d", "lstm", "lstsq", "lyapunov", "manual_seed", "masked_fill", "matmul", "matrix_norm", "matrix_power", "matrix_rank",
    "matrix_transpose", "max", "max_pool", "max_pool1d", "max_pool2d", "max_pool3d", "maximum", "mean", "mean_cross_entropy",
    "median", "meshgrid", "min", "minimum", "mish", "moveaxis", "moving_sum", "multiply", "nan", "nan_to_num", "nanmean", "nansum",
    "negative", "newaxis", "nextafter", "nn", "no_grad", "nonzero", "not_equal", "one_hot", "ones", "ones_like", "op", "ops", "optim",
    "outer", "pad", "permute_dims", "pi", "pick", "pick_transpose", "pinv", "plain", "positive", "pow", "power", "prelu", "prod",
    "put_along_axis", "qr", "quantile", "random", "ravel", "reciprocal", "record", "relu", "relu6", "remainder", "repeat", "reshape",
    "result_type", "rms_norm", "rnn", "roll", "round", "save", "saved", "saving", "scatter_add", "searchsorted", "selu",
    "set_default_device", "sigmoid", "sigmoid_cross_entropy", "sign", "signbit", "silu", "sin", "sinc", "sinh", "slogdet", "softmax",
    "softmax_cross_entropy", "softmin", "softplus", "softshrink", "softsign", "solve", "solve_triangular", "sort", "split", "sqrt",
    "square", "squeeze", "stack", "std", "subtract", "sum", "svd", "svdvals", "swapaxes", "take", "take_along_axis", "tan", "tanh",
    "tanhshrink", "tensor", "tensordot", "threshold", "tile", "to", "topk", "trace", "training", "tri", "tril", "triu", "trunc",
    "uint8", "uint16", "uint32", "uint64", "unfold", "unique_all", "unique_counts", "unique_inverse", "unique_values", "unstack",
    "var", "vecdot", "vector_norm", "vjp", "where", "whiten_zca", "why", "xlogy", "zeros", "zeros_like",
]  # fmt: skip

_habits.bind(Tensor)


def _explore(self: Tensor, path: str | _Path, *, source: _builtins.bool = True) -> _Path:
    """Write how this tensor was computed as one page that needs nothing but a browser; see `minigrad.explore.write_explorer`."""
    return import_module("minigrad.explore").write_explorer(self, path, source=source)  # type: ignore[no-any-return]


def _array_namespace(self: Tensor, *, api_version: str | None = None) -> _ModuleType:
    """Return the functions of the array API standard, `minigrad.array_api`."""
    import_module("minigrad.array_api.inspection").check_version(api_version)
    return import_module("minigrad.array_api")


#: methods that are opened from above: what shows a computation is imported when it is asked for
for _owner, _name, _method in (
    (Tensor, "explore", _explore),
    (Tensor, "__array_namespace__", _array_namespace),
    (_Node, "_repr_svg_", lambda self: import_module("minigrad.explore").drawing_of(self).svg),
):
    setattr(_owner, _name, _method)
LOADERS["cuda"] = (
    lambda: import_module("minigrad.kernels.cuda").load(),
    lambda: import_module("minigrad.backends.cuda").cuda_status().available,
)

#: what is imported when first used, so that `import minigrad` costs little more than NumPy: modules, and names in a module (with a colon)
_LAZY = {
    "GradScaler": "minigrad.amp:",
    "array_api": "minigrad.array_api",
    "autocast": "minigrad.amp:",
    "capture": "minigrad.replay:",
    "cuda": "minigrad.cuda",
    "data": "minigrad.data",
    "explain": "minigrad.explanations:",
    "explore": "minigrad.explore",
    "export": "minigrad.export",
    "export_onnx": "minigrad.export:",
    "import_onnx": "minigrad.export:",
    "distributed": "minigrad.distributed",
    "gradcheck": "minigrad.gradcheck",
    "linalg": "minigrad.linalg",
    "load": "minigrad.saving:",
    "nn": "minigrad.nn",
    "optim": "minigrad.optim",
    "record": "minigrad.explore:",
    "save": "minigrad.saving:",
    "saved": "minigrad.explore:",
    "saving": "minigrad.saving",
    "training": "minigrad.training",
    "why": "minigrad.explore:",
    **dict.fromkeys(("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"), "minigrad.dtypes:"),
    **dict.fromkeys(("float16", "float32", "float64", "e", "inf", "nan", "newaxis", "pi"), "minigrad.dtypes:"),
    **dict.fromkeys(("can_cast", "finfo", "iinfo", "isdtype", "result_type"), "minigrad.dtypes:"),
}

if TYPE_CHECKING:
    from pathlib import Path as _Path
    from types import ModuleType as _ModuleType

    from minigrad import array_api, cuda, data, distributed, explore, export, linalg, nn, optim, saving, training
    from minigrad.amp import GradScaler, autocast
    from minigrad.dtypes import *
    from minigrad.explanations import explain
    from minigrad.explore import record, saved, why
    from minigrad.export import export_onnx, import_onnx
    from minigrad.gradcheck import gradcheck
    from minigrad.replay import capture
    from minigrad.saving import load, save


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        instead = f"; write {_habits.PACKAGE[name]}" if name in _habits.PACKAGE else ""
        raise AttributeError(f"module 'minigrad' has no attribute {name!r}{instead}")
    module, within, _ = _LAZY[name].partition(":")
    value = import_module(module)
    if within:
        value = globals()[name] = getattr(value, name)
    return value


def __dir__() -> list[str]:
    return __all__
