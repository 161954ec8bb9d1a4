"""Linear maps, and functions that only change the shape or surround a tensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minigrad import ops
from minigrad.core._advice import tells_spelling
from minigrad.core.tensor import Tensor

__all__ = ["bilinear", "flatten", "linear", "pad", "unflatten"]

linear = ops.linear


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Tensor:
    """y_k = sum_ij x1_i W_kij x2_j + b_k along the last axis."""
    if (input1.shape[-1:], input2.shape[-1:]) != (weight.shape[1:2], weight.shape[2:3]) or input1.shape[:-1] != input2.shape[:-1]:
        raise ValueError(f"bilinear: inputs of shape {input1.shape} and {input2.shape} do not fit the weight, of shape {weight.shape}")
    outer = ops.expand_dims(input1, -1) * ops.expand_dims(input2, -2)
    return linear(outer.reshape((*input1.shape[:-1], input1.shape[-1] * input2.shape[-1])), weight.reshape((weight.shape[0], -1)), bias)


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Make one axis of those from ``start_dim`` to ``end_dim``."""
    n = max(input.ndim, 1)
    if not (-n <= start_dim < n and -n <= end_dim < n and start_dim % n <= end_dim % n):
        raise ValueError(f"flatten: there are no axes {start_dim} to {end_dim} in shape {input.shape}")
    start, end = start_dim % n, end_dim % n + 1
    return input.reshape((*input.shape[:start], math.prod(input.shape[start:end]), *input.shape[end:]))


@tells_spelling
def unflatten(input: Any, dim: int, sizes: Sequence[int]) -> Tensor:
    """Make several axes of one; one of ``sizes`` may be -1."""
    if not -input.ndim <= dim < input.ndim:
        raise ValueError(f"unflatten: there is no axis {dim} in shape {input.shape}")
    before, after = input.shape[: dim % input.ndim], input.shape[dim % input.ndim + 1 :]
    sizes, length = tuple(sizes), input.shape[dim]
    known = math.prod(n for n in sizes if n != -1)
    if sizes.count(-1) > 1 or (length % known if -1 in sizes and known else length != known):
        raise ValueError(f"unflatten: axis {dim} of length {length} cannot become {sizes}")
    return input.reshape((*before, *(length // known if n == -1 else n for n in sizes), *after))


#: PyTorch's names of the ways to pad -> those of the op, which are NumPy's
PAD_MODES = {"constant": "constant", "zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Surround a tensor.

    Parameters
    ----------
    pad
        Length before and after along the last axis, then along the last but one, and so on. Negative lengths cut off.
    mode
        "constant" (``value``, 0 by default), "reflect", "replicate" or "circular".
    """
    if mode not in PAD_MODES:
        raise ValueError(f"pad: unknown mode {mode!r}: expected 'constant', 'reflect', 'replicate' or 'circular'")
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ValueError(f"pad: {len(pad)} lengths for an input of shape {input.shape}; expected a pair for each axis, the last one first")
    if mode != "constant" and value is not None:
        raise ValueError(f"pad: mode {mode!r} takes no value")
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    widths = [(0, 0)] * (input.ndim - len(pairs)) + pairs[::-1]
    if any(max(-before, 0) + max(-after, 0) > n for (before, after), n in zip(widths, input.shape, strict=True)):
        raise ValueError(f"pad: {list(pad)} cuts more off than there is in an input of shape {tuple(input.shape)}")
    grow = tuple((max(before, 0), max(after, 0)) for before, after in widths)
    if mode == "reflect":  # mirrors what is cut off, too, as PyTorch does
        return _cut(ops.pad(input, pad_width=grow, mode="reflect"), widths)
    return ops.pad(_cut(input, widths), pad_width=grow, mode=PAD_MODES[mode], value=value or 0)


def _cut(x: Any, widths: Sequence[tuple[int, int]]) -> Any:
    """Cut off what negative lengths ask for."""
    if all(before >= 0 and after >= 0 for before, after in widths):
        return x
    return x[tuple(slice(max(-before, 0), n - max(-after, 0)) for (before, after), n in zip(widths, x.shape, strict=True))]
