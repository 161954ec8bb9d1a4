"""Unfold and fold: the windows of an array as columns (im2col), and columns added back into an array (col2im).

The two are adjoint linear maps, so each is the other's gradient.
"""

from __future__ import annotations

from math import prod

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.windows import Ints, Padding, PerAxis, add_patches, columns_of, count, geometry, padded, per_axis

__all__ = ["fold", "unfold"]


@op
def unfold(xp: Namespace, x: Array, *, kernel_size: PerAxis, dilation: PerAxis = 1, padding: Padding = 0, stride: PerAxis = 1) -> Array:
    """Lay out the windows of ``x`` (batch, channels, *spatial) as columns: (batch, channels * kernel, windows), known as im2col.

    Raises
    ------
    ValueError
        If no window fits, or a parameter is out of range.
    """
    if x.ndim < 3:
        raise ValueError(f"unfold: x has shape {x.shape}; expected (batch, channels, *spatial)")
    kernel = per_axis(kernel_size, x.ndim - 2, "kernel_size")
    stride, pairs, dilation = geometry(kernel, stride, padding, dilation)
    count(x.shape[2:], kernel, stride, dilation, pairs)
    return columns_of(xp, x, kernel, stride, pairs, dilation, 1)[:, 0]


@op
def fold(
    xp: Namespace,
    x: Array,
    *,
    output_size: PerAxis,
    kernel_size: PerAxis,
    dilation: PerAxis = 1,
    padding: Padding = 0,
    stride: PerAxis = 1,
) -> Array:
    """Add columns (batch, channels * kernel, windows) into an array (batch, channels, *output_size): the adjoint of `unfold`.

    Elements that several windows share are summed.

    Raises
    ------
    ValueError
        If the columns are not those that `unfold` makes of an array of this size.
    """
    size = (output_size,) if isinstance(output_size, int) else tuple(output_size)
    kernel = per_axis(kernel_size, len(size), "kernel_size")
    stride, pairs, dilation = geometry(kernel, stride, padding, dilation)
    windows = count(size, kernel, stride, dilation, pairs)
    if x.ndim != 3 or x.shape[1] % prod(kernel) or x.shape[2] != prod(windows):
        raise ValueError(
            f"fold: x has shape {x.shape}; an output of {size} with kernel {kernel} needs "
            f"(batch, channels * {prod(kernel)}, {prod(windows)})"
        )
    columns = x.reshape((x.shape[0], x.shape[1] // prod(kernel), *kernel, *windows))
    full = tuple(n + lo + hi for n, (lo, hi) in zip(size, pairs, strict=True))
    return padded(xp, add_patches(xp, columns, full, stride, dilation), tuple((-lo, -hi) for lo, hi in pairs))


@unfold.vjp("x")
def unfold_d_x(g: Array, x_shape: Ints, *, kernel_size: PerAxis, dilation: PerAxis, padding: Padding, stride: PerAxis) -> Array:
    return fold(g, output_size=x_shape[2:], kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)


@fold.vjp("x")
def fold_d_x(g: Array, *, kernel_size: PerAxis, dilation: PerAxis, padding: Padding, stride: PerAxis) -> Array:
    return unfold(g, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)
