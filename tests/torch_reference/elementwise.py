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


def _clip(x: Any, low: Any = None, high: Any = None) -> Any:
    """torch.clip of arguments that were broadcast, as its backward fails where they still have to be."""
    given = [None if bound is None else _tensor(bound) for bound in (low, high)]
    shape = torch.broadcast_shapes(x.shape, *[bound.shape for bound in given if bound is not None])
    return torch.clip(x.expand(shape), *[None if bound is None else bound.expand(shape) for bound in given])


_SAME_NAME = [
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "erf", "erfc", "erfinv", "exp", "exp2", "expm1",
    "floor", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2", "logical_not", "logit", "negative", "reciprocal", "round",
    "sigmoid", "sign", "signbit", "sin", "sinc", "sinh", "sqrt", "square", "tan", "tanh", "trunc",
    "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "lerp", "logical_and",
    "logical_or", "logical_xor", "pow", "where",
    "xlogy",
]  # fmt: skip

REFERENCES: dict[str, Any] = {name: getattr(torch, name) for name in _SAME_NAME}
REFERENCES |= {
    name: partial(_of_tensors, getattr(torch, name))
    for name in (
        "add",
        "atan2",
        "copysign",
        "divide",
        "hypot",
        "logaddexp",
        "maximum",
        "minimum",
        "multiply",
        "nextafter",
        "remainder",
        "subtract",
    )
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
    "floor_divide": lambda a, b: torch.div(_tensor(a), _tensor(b), rounding_mode="floor"),
    "clip": _clip,
}
