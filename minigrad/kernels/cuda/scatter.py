"""Adding to places named by indices, the same way every run; CuPy's ``add.at`` adds in no fixed order."""

from __future__ import annotations

from math import prod

from minigrad.backends import Array, Namespace
from minigrad.kernels.cuda.launch import REALS, blocks_for, contiguous, launch
from minigrad.ops.indexing import index_add, scatter_add
from minigrad.ops.pooling import pick_transpose
from minigrad.ops.windows import Ints

SHARES = 64  #: blocks among which the rows of the result are divided


def scattered(y: Array, indices: Array, updates: Array, rows: int, from_zero: bool) -> Array:
    """Add ``updates`` to ``y`` at ``indices``, row by row, in place."""
    args = (y, contiguous(indices), contiguous(updates), rows, y.size // max(rows, 1), updates.size // max(rows, 1), from_zero)
    launch("mg_scatter_rows", blocks_for(32 * rows), (256,), args, like=y)
    return y


@pick_transpose.kernel(device="cuda")
def pick_transpose_forward(xp: Namespace, y: Array, indices: Array, *, size: Ints) -> Array:
    if y.dtype.name not in REALS or indices.dtype != "int64":
        return NotImplemented
    return scattered(xp.empty((*y.shape[:2], *size), dtype=y.dtype), indices, y, prod(y.shape[:2]), True)


@scatter_add.kernel(device="cuda")
def scatter_add_forward(xp: Namespace, x: Array, indices: Array, updates: Array, *, axis: int = -1) -> Array:
    last = x.ndim and axis in (-1, x.ndim - 1)
    fits = last and indices.ndim == x.ndim and indices.shape[:-1] == x.shape[:-1] and updates.shape == indices.shape
    if not fits or x.dtype.name not in REALS or updates.dtype != x.dtype or indices.dtype != "int64":
        return NotImplemented
    return scattered(xp.array(x, order="C"), indices, updates, prod(x.shape[:-1]), False)


@index_add.kernel(device="cuda")
def index_add_forward(xp: Namespace, x: Array, indices: Array, updates: Array, *, axis: int | None = None) -> Array:
    first = axis == 0 or (axis is None and x.ndim == 1) or (x.ndim > 0 and axis == -x.ndim)
    if not first or x.dtype.name not in REALS or not hasattr(updates, "dtype") or updates.dtype != x.dtype or indices.dtype != "int64":
        return NotImplemented
    if updates.shape != (*indices.shape, *x.shape[1:]):
        return NotImplemented
    y = xp.array(x, order="C")
    width = prod(x.shape[1:])
    args = (y, contiguous(indices), contiguous(updates), x.shape[0], indices.size, width)
    grid = (-(-width // 128), min(SHARES, max(x.shape[0], 1)))
    launch("mg_index_add", grid if indices.size else (0,), (128,), args, like=y)
    return y
