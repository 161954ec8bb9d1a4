"""Max pooling: the largest element of every window of the spatial axes.

Arrays have the shape (batch, channels, *spatial), as in PyTorch. Pooling is written tap by tap: the elements that one
tap of the kernel takes from all windows are a strided slice of the input, so a 2x2 pool is four slices compared,
whatever the size of the image. The gradient goes to the element that was picked, which the second output records.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.indexing import check_labels
from minigrad.ops.windows import Ints, PerAxis, adaptive_bounds, by_axes, padded, pool_geometry, taps

__all__ = [
    "adaptive_max_pool",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "max_pool",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "pick",
    "pick_transpose",
]

NOT_DIFFERENTIABLE = "positions are integers"


# ------------------------------------------------------------------------------------------------------ max pooling


@op(outputs=("y", "indices"))
def max_pool(
    xp: Namespace,
    x: Array,
    *,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Array]:
    """Largest element of each window, and where it is.

    Parameters
    ----------
    x
        (batch, channels, *spatial)
    kernel_size, stride, padding, dilation
        An integer, or one for each spatial axis. The stride is the kernel size by default. Padding is never picked.
    ceil_mode
        Let a last window stick out at the end, if it begins within the input or its padding before.

    Returns
    -------
    y
        (batch, channels, *windows)
    indices
        The position of each in the flattened spatial axes, int32. Of equal elements it is the first; NaN counts as largest.

    Raises
    ------
    ValueError
        If no window fits, one lies wholly in the padding, or a parameter is out of range.
    """
    kernel, stride, pairs, dilation, windows = pool_geometry("max_pool", x, kernel_size, stride, padding, dilation, ceil_mode)
    size = x.shape[2:]
    lowest = xp.iinfo(x.dtype).min if x.dtype.kind in "iu" else -xp.inf
    full = padded(xp, x, pairs, lowest)
    strides = [prod(size[k + 1 :]) for k in range(len(size))]  # of the flattened spatial axes
    starts = [xp.arange(n, dtype=xp.int32) * s - lo for n, s, (lo, _) in zip(windows, stride, pairs, strict=True)]
    # begin with the first element that is not padding, below all others: padding can then never be picked
    inside = [start + d * -(xp.minimum(start, 0) // d) for start, d in zip(starts, dilation, strict=True)]
    indices = xp.broadcast_to(_on_grid(inside, strides), (*x.shape[:2], *windows))
    origin = _on_grid(starts, strides)
    y = xp.full(indices.shape, lowest, dtype=x.dtype)
    for tap, index in taps(kernel, windows, stride, dilation):
        candidate = full[index]
        better = (candidate > y) | (candidate != candidate)
        y = xp.where(better, candidate, y)
        indices = xp.where(better, origin + sum(t * d * s for t, d, s in zip(tap, dilation, strides, strict=True)), indices)
    return y, indices


@op(outputs=("y", "indices"))
def adaptive_max_pool(xp: Namespace, x: Array, *, output_size: PerAxis) -> tuple[Array, Array]:
    """Largest element of each of ``output_size`` windows that cover the input, and where it is (as in `max_pool`).

    Along an axis of length n with m windows, window i is from ``floor(i n / m)`` up to ``ceil((i + 1) n / m)``, exclusively.
    ``output_size`` is an integer, or one for each spatial axis; None keeps the length of that axis.
    """
    size = x.shape[2:]
    bounds = adaptive_bounds("adaptive_max_pool", x.shape, output_size)
    where = xp.arange(prod(size), dtype=xp.int32).reshape(size)
    indices = xp.empty((*x.shape[:2], *map(len, bounds)), dtype=where.dtype)
    for cell in product(*[range(len(axis)) for axis in bounds]):
        window = (..., *[slice(*axis[i]) for axis, i in zip(bounds, cell, strict=True)])
        best = x[window].reshape((*x.shape[:2], -1)).argmax(axis=-1) if x.size else 0
        indices[(..., *cell)] = where[window].reshape(-1)[best]
    return pick(x, indices), indices


@op
def pick(xp: Namespace, x: Array, indices: Array) -> Array:
    """The elements of ``x`` (batch, channels, *spatial) at ``indices`` into the flattened spatial axes, plane by plane."""
    if indices.ndim < 2 or indices.shape[:2] != x.shape[:2]:
        raise ValueError(f"pick: indices has shape {indices.shape}; x {x.shape} needs the same batch and channels in it, then any axes")
    flat = xp.take_along_axis(_planes(x), _planes(indices), axis=-1)
    return flat.reshape(indices.shape)


@op
def pick_transpose(xp: Namespace, y: Array, indices: Array, *, size: Ints) -> Array:
    """Add the elements of ``y`` at ``indices`` into zeros of spatial ``size``: the adjoint of `pick`.

    Where the windows of a max pooling do not overlap, this undoes it but for the elements that were not picked.
    """
    if indices.shape != y.shape:
        raise ValueError(f"pick_transpose: indices has shape {indices.shape} and y {y.shape}; they must be equal")
    check_labels("pick_transpose", indices, prod(size), "index", "elements")  # beyond them lies the next plane
    planes = _planes(indices)
    places = planes + xp.arange(planes.shape[0]).reshape((-1, 1)) * prod(size)
    total = xp.zeros(planes.shape[0] * prod(size), dtype=y.dtype)
    xp.add.at(total, places.reshape(-1), y.reshape(-1))
    return total.reshape((*y.shape[:2], *size))


@max_pool.vjp("x")  # the parameters are for kernels, which need not look for what the windows say
def max_pool_d_x(
    g: Array,
    indices: Array,
    x_shape: Ints,
    *,
    kernel_size: PerAxis,
    stride: PerAxis | None,
    padding: PerAxis,
    dilation: PerAxis,
    ceil_mode: bool,
) -> Array:
    return pick_transpose(g, indices, size=x_shape[2:])


adaptive_max_pool.vjp(x=lambda g, indices, x_shape: pick_transpose(g, indices, size=x_shape[2:]))
pick.vjp(x=lambda g, indices, x_shape: pick_transpose(g, indices, size=x_shape[2:]))
pick.nondiff(indices=NOT_DIFFERENTIABLE)
pick_transpose.vjp(y=lambda g, indices: pick(g, indices))
pick_transpose.nondiff(indices=NOT_DIFFERENTIABLE)


def _planes(x: Array) -> Array:
    return x.reshape((prod(x.shape[:2]), prod(x.shape[2:])))


def _on_grid(positions: list[Any], strides: list[int]) -> Array:
    """Combine positions along each axis into positions in the flattened axes, on the grid that they span."""
    n = len(positions)
    return sum(p.reshape((-1, *[1] * (n - 1 - k))) * s for k, (p, s) in enumerate(zip(positions, strides, strict=True)))


# ------------------------------------------------------------------------------------------- by number of spatial axes


def _max_pool(
    x: Array,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array:
    """The largest element of each window, and with ``return_indices`` where it is (see `max_pool`)."""
    y, indices = max_pool(x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    return (y, indices) if return_indices else y


def _adaptive_max_pool(x: Array, output_size: PerAxis, return_indices: bool = False) -> Array:
    """The largest element of each of ``output_size`` windows, and with ``return_indices`` where it is (see `adaptive_max_pool`)."""
    y, indices = adaptive_max_pool(x, output_size=output_size)
    return (y, indices) if return_indices else y


max_pool1d, max_pool2d, max_pool3d = by_axes("max_pool", _max_pool)
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = by_axes("adaptive_max_pool", _adaptive_max_pool)
