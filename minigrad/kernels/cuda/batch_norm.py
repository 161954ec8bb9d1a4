"""Batch norm on a GPU: one launch for small channels, two for large, forward and backward."""

from __future__ import annotations

from math import prod
from typing import Any

from minigrad.backends import BACKENDS, Array, Namespace
from minigrad.core.graph import changed_in_place
from minigrad.kernels.cuda.launch import REALS, contiguous, launch
from minigrad.ops.batch_normalization import batch_norm, batch_norm_relu
from minigrad.ops.shape import Axes
from minigrad.ops.standardization import normalized_axes

SMALL = 8192  #: values of a channel up to which one block reads them twice rather than many blocks once each
PARTS = 2112  #: blocks: sixteen for each multiprocessor of a large GPU, which runs four at a time, so that the last ones hardly count


class Plan:
    """How x, normalized over ``axes``, is cut into blocks: seen as (N, C, S), with channels side by side if S is 1."""

    def __init__(self, x: Array, axes: tuple[int, ...]) -> None:
        (channel,) = [i for i in range(x.ndim) if i not in axes]
        self.dims = prod(x.shape[:channel]), x.shape[channel], prod(x.shape[channel + 1 :])
        outer, channels, inner = self.dims
        self.values = outer * inner
        width, lanes = (32, 16) if inner == 1 else (1, 256)
        if inner > 1:
            while lanes > 32 and lanes >= 2 * self.values:
                lanes //= 2
        self.block, self.blocks = (width, lanes), -(-channels // width)
        self.parts = 1 if self.values <= SMALL else max(1, min(-(-PARTS // self.blocks), -(-self.values // 2048)))

    @property
    def threads(self) -> int:
        """Threads in a block."""
        return self.block[0] * self.block[1]


def plan(x: Array, axis: Axes, *others: Array | None) -> Plan | None:
    """Return how to run, or None if the kernels do not handle these arguments."""
    axes = normalized_axes("batch_norm", x, axis)
    fits = x.dtype.name in REALS and len(axes) == x.ndim - 1 and x.size < 2**31
    return Plan(x, axes) if fits and all(a is None or a.dtype == x.dtype for a in others) else None


def forward(xp: Namespace, x: Array, weight: Array | None, bias: Array | None, axis: Axes, eps: float, relu: bool) -> Array:
    """Run the forward kernels; NotImplemented for what they do not handle."""
    p = plan(x, axis, weight, bias)
    if p is None or not _channels(p, weight, bias) or not eps >= 0:
        return NotImplemented  # the plain form says what is wrong
    x = contiguous(x)
    y = xp.empty_like(x)
    mean, var = xp.empty(p.dims[1], dtype=x.dtype), xp.empty(p.dims[1], dtype=x.dtype)
    if p.parts == 1:
        all_at_once = (x, weight, bias, y, mean, var, *p.dims, eps, relu)
        launch("mg_batch_norm_forward", (p.blocks,), p.block, all_at_once, like=x, shared=24 * p.threads)
        return y, mean, var
    parts = xp.empty((p.dims[1], p.parts, 3), dtype="float64")
    launch("mg_batch_norm_moments", (p.blocks, p.parts), p.block, (x, parts, *p.dims), like=x, shared=24 * p.threads)
    args = (x, parts, weight, bias, y, mean, var, *p.dims, eps, relu)
    launch("mg_batch_norm_apply", (p.blocks, p.parts), p.block, args, like=x)
    return y, mean, var


def backward(
    g: Array, x: Array, y: Array | None, weight: Array | None, mean: Array, var: Array, g_mean: Array | None, g_var: Array | None,
    axis: Axes, eps: float,
) -> Array:  # fmt: skip
    """Run the backward kernels; where ``y`` is given, g counts only where it is positive."""
    p = plan(x, axis, g, weight, g_mean, g_var)
    if p is None:
        return NotImplemented
    xp = BACKENDS[x.__class__].xp
    x, g = contiguous(x), contiguous(g)
    g_x, g_weight, g_bias = xp.empty_like(x), xp.empty_like(mean), xp.empty_like(mean)
    results = (g_x, g_weight, g_bias)
    g_mean, g_var = (None if a is None else contiguous(a) for a in (g_mean, g_var))
    if p.parts == 1:
        all_at_once = (x, g, y, weight, mean, var, g_mean, g_var, *results, *p.dims, eps)
        launch("mg_batch_norm_backward", (p.blocks,), p.block, all_at_once, like=x, shared=8 * p.threads)
        return results
    parts = xp.empty((p.dims[1], p.parts, 3), dtype="float64")
    launch("mg_batch_norm_sums", (p.blocks, p.parts), p.block, (x, g, y, mean, parts, *p.dims), like=x, shared=8 * p.threads)
    args = (x, g, y, parts, weight, mean, var, g_mean, g_var, *results, *p.dims, eps)
    launch("mg_batch_norm_gradient", (p.blocks, p.parts), p.block, args, like=x)
    return results


def _channels(p: Plan, *values: Array | None) -> bool:
    return all(v is None or (v.shape == (p.dims[1],) and v.flags.c_contiguous) for v in values)


@batch_norm.kernel(device="cuda")
def batch_norm_forward(
    xp: Namespace, x: Array, weight: Array | None = None, bias: Array | None = None, *, axis: Axes, eps: float = 1e-5
) -> Array:
    return forward(xp, x, weight, bias, axis, eps, False)


@batch_norm.kernel("x", "weight", "bias", device="cuda")
def batch_norm_gradients(
    g: Array, x: Array, weight: Array | None, mean: Array, var: Array, g_mean: Array | None = None, g_var: Array | None = None, *,
    axis: Axes, eps: float,
) -> Any:  # fmt: skip
    return backward(g, x, None, weight, mean, var, g_mean, g_var, axis, eps)


@batch_norm_relu.kernel(device="cuda")
def batch_norm_relu_forward(
    xp: Namespace, x: Array, weight: Array | None = None, bias: Array | None = None, *, axis: Axes, eps: float = 1e-5
) -> Array:
    return forward(xp, x, weight, bias, axis, eps, True)


@batch_norm_relu.kernel("x", "weight", "bias", device="cuda")
def batch_norm_relu_gradients(
    g: Array, x: Array, weight: Array | None, y: Array, mean: Array, var: Array, g_mean: Array | None = None, g_var: Array | None = None, *,
    axis: Axes, eps: float,
) -> Any:  # fmt: skip
    return backward(g, x, y, weight, mean, var, g_mean, g_var, axis, eps)


def update_running(
    mean: Array, var: Array, running_mean: Array, running_var: Array, batches: Array | None, momentum: float | None, values: int
) -> None:
    """Move running statistics towards those of a batch of ``values`` values a channel, in one launch, in place.

    ``momentum`` None takes the average over all batches, which ``batches`` counts.
    """
    unbiased = values / (values - 1) if values > 1 else float("nan")
    args = (mean, var, running_mean, running_var, batches, -1.0 if momentum is None else momentum, unbiased, mean.size)
    launch("mg_batch_norm_running", (1,), (256,), args, like=mean)

    def overwritten() -> None:
        for buffer in (running_mean, running_var):
            changed_in_place(buffer)

    overwritten()
    recording = BACKENDS[mean.__class__].capture  # type: ignore[attr-defined]
    if recording is not None:
        recording.at_replay(overwritten)
