"""PyTorch's counterparts of the elementwise ops."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch


def _tensor(value: Any) -> Any:
    return value if isinstance(value, torch.Tensor) else torch.tensor(value, dtype=torch.float64)


def _of_tensors(function: Any, *args: Any) -> Any:
    """Call a function that takes no Python numbers."""
    return function(*[_tensor(a) for a in args])


_SAME_NAME = [
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "erf", "erfc", "exp", "exp2", "expm1", "floor",
    "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2", "logical_not", "negative", "reciprocal", "round", "sigmoid", "sign",
    "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc",
    "bitwise_and", "bitwise_or", "bitwise_xor", "floor_divide", "lerp", "logical_and", "logical_or", "logical_xor", "pow", "remainder",
    "where", "xlogy",
]  # fmt: skip

REFERENCES: dict[str, Any] = {name: getattr(torch, name) for name in _SAME_NAME}
REFERENCES |= {
    name: partial(_of_tensors, getattr(torch, name))
    for name in ("add", "atan2", "divide", "hypot", "logaddexp", "maximum", "minimum", "multiply", "subtract")
}
REFERENCES |= {
    "equal": torch.eq,
    "not_equal": torch.ne,
    "less": torch.lt,
    "less_equal": torch.le,
    "greater": torch.gt,
    "greater_equal": torch.ge,
    "bitwise_invert": torch.bitwise_not,
    "positive": torch.positive,
    "copy": torch.clone,
    "astype": lambda x, dtype: x.to(torch.float64),
    "clip": lambda x, low=None, high=None: torch.clip(x, None if low is None else _tensor(low), None if high is None else _tensor(high)),
}
