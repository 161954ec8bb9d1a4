"""Softmax cross-entropy on a GPU: the loss in one launch, its gradient in another."""

from __future__ import annotations

from math import prod

from minigrad.backends import BACKENDS, Array, Namespace
from minigrad.kernels.cuda.launch import REALS, blocks_for, contiguous, launch
from minigrad.ops.loss import mean_cross_entropy, softmax_cross_entropy

ONE_BLOCK = 4096  #: rows that one block goes through; beyond, the mean takes a second launch
NOTHING = -(2**62)  #: a label that no row has, for ops that ignore none


def classes(x: Array, labels: Array) -> tuple[int, int] | None:
    """Return the numbers of rows and classes, or None where the kernels do not apply."""
    fits = x.dtype.name in REALS and x.ndim and x.shape[:-1] == labels.shape and labels.dtype.kind in "iu" and x.shape[-1]
    return (prod(x.shape[:-1]), x.shape[-1]) if fits else None


def contiguous_labels(labels: Array) -> Array:
    """Return labels as the kernels read them."""
    return contiguous(labels if labels.dtype == "int64" else labels.astype("int64"))


@softmax_cross_entropy.kernel(device="cuda")
def softmax_cross_entropy_forward(xp: Namespace, x: Array, labels: Array, *, label_smoothing: float = 0.0) -> Array:
    dims = classes(x, labels)
    if dims is None or not 0 <= label_smoothing <= 1:
        return NotImplemented
    x, labels = contiguous(x), contiguous_labels(labels)
    loss, p = xp.empty(labels.shape, dtype=x.dtype), xp.empty_like(x)
    _rows(x, labels, loss, p, dims, label_smoothing, NOTHING)
    return loss, p


def _rows(x: Array, labels: Array, loss: Array, p: Array, dims: tuple[int, int], smoothing: float, ignored: int) -> None:
    wrong = BACKENDS[x.__class__].label_check().place  # type: ignore[attr-defined]
    grid = blocks_for(dims[0] * (1 if dims[1] <= 32 else 32), 128)
    launch("mg_cross_entropy_rows", grid, (128,), (x, labels, loss, p, wrong, *dims, smoothing, ignored), like=x)


@mean_cross_entropy.kernel(device="cuda")
def mean_cross_entropy_forward(xp: Namespace, x: Array, labels: Array, *, ignore_index: int = -100, label_smoothing: float = 0.0) -> Array:
    dims = classes(x, labels)
    if dims is None or not 0 <= label_smoothing <= 1:
        return NotImplemented
    x, labels = contiguous(x), contiguous_labels(labels)
    loss, p = xp.empty((), dtype=x.dtype), xp.empty_like(x)
    threads = _threads(dims)
    if dims[0] <= ONE_BLOCK and (dims[1] <= 32 or dims[0] <= 256):
        wrong = BACKENDS[x.__class__].label_check().place  # type: ignore[attr-defined]
        args = (x, labels, loss, p, wrong, *dims, label_smoothing, ignore_index)
        launch("mg_cross_entropy_mean", (1,), (1, threads), args, like=x, shared=8 * threads)
    else:
        losses = xp.empty(labels.shape, dtype=x.dtype)
        _rows(x, labels, losses, p, dims, label_smoothing, ignore_index)
        launch("mg_mean_of_counted", (1,), (1, 1024), (losses, labels, loss, None, dims[0], ignore_index), like=x, shared=8 * 1024)
    return loss, p


def _threads(dims: tuple[int, int]) -> int:
    """Return a power of two of threads that is enough for all rows."""
    wanted, threads = dims[0] * (1 if dims[1] <= 32 else 32), 32
    while threads < min(wanted, 1024):
        threads *= 2
    return threads


@softmax_cross_entropy.kernel("x", device="cuda")
def softmax_cross_entropy_d_x(g: Array, labels: Array, p: Array, g_p: Array | None = None, *, label_smoothing: float) -> Array:
    return gradient(g, labels, p, g_p, label_smoothing, NOTHING, False)


@mean_cross_entropy.kernel("x", device="cuda")
def mean_cross_entropy_d_x(
    g: Array, labels: Array, p: Array, g_p: Array | None = None, *, ignore_index: int, label_smoothing: float
) -> Array:
    return gradient(g, labels, p, g_p, label_smoothing, ignore_index, True)


def gradient(g: Array, labels: Array, p: Array, g_p: Array | None, smoothing: float, ignored: int, mean: bool) -> Array:
    """Run the backward kernel; NotImplemented where a cotangent for the probabilities is given."""
    dims = classes(p, labels)
    if dims is None or g_p is not None or g.dtype != p.dtype:
        return NotImplemented
    xp = BACKENDS[p.__class__].xp
    g, labels = contiguous(g), contiguous_labels(labels)
    gx, counted = xp.empty_like(p), None
    if mean and dims[0] > 2 * ONE_BLOCK:
        counted = xp.empty(1, dtype="float64")
        launch("mg_mean_of_counted", (1,), (1, 1024), (None, labels, None, counted, dims[0], ignored), like=p, shared=8 * 1024)
    args = (g, labels, p, gx, counted, *dims, smoothing, ignored, mean)
    launch("mg_cross_entropy_gradient", blocks_for(p.size), (1, 256), args, like=p, shared=8 * 256)
    return gx
