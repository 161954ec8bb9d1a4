"""Activations, softmax and dropout on a GPU: one launch where the plain formula takes several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.backends import BACKENDS, Array, Namespace
from minigrad.kernels.cuda.launch import REALS, blocks_for, contiguous, launch
from minigrad.ops.activation import dropout, gelu, log_softmax, relu, silu, softmax
from minigrad.ops.elementwise import sigmoid, tanh
from minigrad.ops.shape import Axes


def elementwise(kernel: str, *inputs: Array) -> Array:
    """Run a kernel of some inputs of one dtype, one output, and their size."""
    first = inputs[0]
    if first.dtype.name not in REALS or any(a.dtype != first.dtype or a.shape != first.shape for a in inputs):
        return NotImplemented
    xp = BACKENDS[first.__class__].xp
    inputs = tuple([contiguous(a) for a in inputs])
    out = xp.empty(first.shape, dtype=first.dtype)
    launch(kernel, blocks_for(out.size), (256,), (*inputs, out, out.size), like=out)
    return out


def forward(kernel: str) -> Callable[..., Any]:
    """Return the kernel form of an op of x alone."""
    return lambda xp, x: elementwise(kernel, x)


def from_input(kernel: str) -> Callable[..., Any]:
    """Return the kernel form of a formula that saves the input."""
    return lambda g, x: elementwise(kernel, g, x)


def from_output(kernel: str) -> Callable[..., Any]:
    """Return the kernel form of a formula that saves the output."""
    return lambda g, y: elementwise(kernel, g, y)


sigmoid.kernel(device="cuda")(forward("mg_sigmoid"))
silu.kernel(device="cuda")(forward("mg_silu"))
relu.kernel("x", device="cuda")(from_output("mg_relu_gradient"))
sigmoid.kernel("x", device="cuda")(from_input("mg_sigmoid_gradient"))
tanh.kernel("x", device="cuda")(from_output("mg_tanh_gradient"))
silu.kernel("x", device="cuda")(from_input("mg_silu_gradient"))


@gelu.kernel(device="cuda")
def gelu_forward(xp: Namespace, x: Array, *, approximate: str = "none") -> Array:
    return elementwise("mg_gelu", x) if approximate == "none" else NotImplemented


@gelu.kernel("x", device="cuda")
def gelu_d_x(g: Array, x: Array, *, approximate: str) -> Array:
    return elementwise("mg_gelu_gradient", g, x) if approximate == "none" else NotImplemented


# --------------------------------------------------------------------------------------------------------- softmax


def rows(kernel: str, axis: Axes, as_log: bool, *inputs: Array) -> Array:
    """Run a kernel over the rows of its inputs, if ``axis`` is the last."""
    first = inputs[0]
    fits = first.ndim and axis in (-1, first.ndim - 1) and first.dtype.name in REALS
    if not fits or any(a.dtype != first.dtype for a in inputs):
        return NotImplemented
    xp = BACKENDS[first.__class__].xp
    out, length = xp.empty(first.shape, dtype=first.dtype), first.shape[-1]
    if out.size:
        count = out.size // length
        args = (*[contiguous(a) for a in inputs], out, count, length, as_log)
        launch(kernel, blocks_for(32 * count), (256,), args, like=out)
    return out


for _op, _as_log in ((softmax, False), (log_softmax, True)):
    _op.kernel(device="cuda")(lambda xp, x, *, axis=-1, _as_log=_as_log: rows("mg_softmax", axis, _as_log, x))
    _op.kernel("x", device="cuda")(lambda g, y, *, axis, _as_log=_as_log: rows("mg_softmax_gradient", axis, _as_log, g, y))


# --------------------------------------------------------------------------------------------------------- dropout


def masked(x: Array, mask: Array, p: float) -> Array:
    """Return x / (1 - p) where the mask holds, 0 elsewhere."""
    if x.dtype.name not in REALS or mask.shape != x.shape or mask.dtype != bool or not 0 <= p < 1:
        return NotImplemented
    xp = BACKENDS[x.__class__].xp
    y = xp.empty(x.shape, dtype=x.dtype)
    args = (contiguous(x), contiguous(mask), y, 1 / (1 - p), y.size)
    launch("mg_masked", blocks_for(y.size), (256,), args, like=y)
    return y


@dropout.kernel(device="cuda")
def dropout_forward(xp: Namespace, x: Array, mask: Array, *, p: float) -> Array:
    return masked(x, mask, p)


@dropout.kernel("x", device="cuda")
def dropout_d_x(g: Array, mask: Array, *, p: float) -> Array:
    return masked(g, mask, p)
