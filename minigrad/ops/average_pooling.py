"""Average pooling, and the p-norm of windows.

Written tap by tap, like `minigrad.ops.pooling`. An average is linear, and its gradient spreads the cotangent evenly over
the window; that map and the average are each other's derivative.
"""

from __future__ import annotations

from math import prod

from minigrad.backends import Array, Namespace, namespace
from minigrad.core.op import op
from minigrad.core.tensor import array_of
from minigrad.ops.linalg import matmul
from minigrad.ops.reduction import in_float32
from minigrad.ops.windows import Ints, PerAxis, adaptive_bounds, add_patches, by_axes, padded, per_axis, pool_geometry, taps

__all__ = [
    "adaptive_avg_pool",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "avg_pool",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "avg_pool_transpose",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
]


@op
def avg_pool(
    xp: Namespace,
    x: Array,
    *,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """Mean of each window.

    Parameters
    ----------
    x
        (batch, channels, *spatial)
    kernel_size, stride, padding, ceil_mode
        As in `max_pool`; padding is with zeros.
    count_include_pad
        Whether padding counts as elements. What sticks out further because of ``ceil_mode`` never does.
    divisor_override
        Divide the sum of each window by this, instead of the number of its elements.

    Raises
    ------
    ValueError
        If no window fits, one lies wholly in the padding, or a parameter is out of range.
    """
    kernel, stride, pairs, dilation, windows = pool_geometry("avg_pool", x, kernel_size, stride, padding, 1, ceil_mode)

    def mean(x: Array) -> Array:
        full = padded(xp, x, pairs)
        total = xp.zeros((*x.shape[:2], *windows), dtype=x.dtype)
        for _, index in taps(kernel, windows, stride, dilation):
            total = total + full[index]
        return total / _divisor(xp, x, x.shape[2:], kernel, stride, padding, windows, count_include_pad, divisor_override)

    return in_float32(mean, x)


@op
def avg_pool_transpose(
    xp: Namespace,
    y: Array,
    *,
    size: Ints,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """Spread each element of ``y`` evenly over its window in an array of spatial ``size``: the adjoint of `avg_pool`."""
    x = xp.broadcast_to(xp.zeros((), dtype=y.dtype), (*y.shape[:2], *size))
    kernel, stride, pairs, dilation, windows = pool_geometry("avg_pool_transpose", x, kernel_size, stride, padding, 1, ceil_mode)
    if y.shape[2:] != windows:
        raise ValueError(f"avg_pool_transpose: y has shape {y.shape}; an x of {x.shape} has windows {(*x.shape[:2], *windows)}")
    n = len(kernel)
    full = tuple(length + lo + hi for length, (lo, hi) in zip(size, pairs, strict=True))

    def spread(y: Array) -> Array:
        share = y / _divisor(xp, y, size, kernel, stride, padding, windows, count_include_pad, divisor_override)
        columns = xp.broadcast_to(share.reshape((*y.shape[:2], *[1] * n, *windows)), (*y.shape[:2], *kernel, *windows))
        return padded(xp, add_patches(xp, columns, full, stride, dilation), tuple((-lo, -hi) for lo, hi in pairs))

    return in_float32(spread, y)


@avg_pool.vjp("x")
def avg_pool_d_x(
    g: Array,
    x_shape: Ints,
    *,
    kernel_size: PerAxis,
    stride: PerAxis | None,
    padding: PerAxis,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    return avg_pool_transpose(
        g,
        size=x_shape[2:],
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        divisor_override=divisor_override,
    )


@avg_pool_transpose.vjp("y")
def avg_pool_transpose_d_y(
    g: Array,
    *,
    kernel_size: PerAxis,
    stride: PerAxis | None,
    padding: PerAxis,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    return avg_pool(
        g,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        divisor_override=divisor_override,
    )


def _divisor(
    xp: Namespace,
    like: Array,
    size: Ints,
    kernel: Ints,
    stride: Ints,
    padding: PerAxis,
    windows: Ints,
    include_pad: bool,
    override: int | None,
) -> Array:
    """Return by what the sum of each window is divided: a number, or an array over the windows, of the dtype of ``like``."""
    if override is not None:
        if override == 0:
            raise ValueError("divisor_override is 0; expected another number, or None for the number of elements")
        return override
    edges = per_axis(padding, len(kernel), "padding", 0)
    result = xp.ones((), dtype=like.dtype)
    for n, k, s, p, m in zip(size, kernel, stride, edges, windows, strict=True):
        start = xp.arange(m) * s - p
        end = xp.minimum(start + k, n + p if include_pad else n)
        start = start if include_pad else xp.maximum(start, 0)
        result = result[..., None] * (end - start).astype(like.dtype)
    return result


@op
def adaptive_avg_pool(xp: Namespace, x: Array, *, output_size: PerAxis) -> Array:
    """Mean of each of ``output_size`` windows that cover the input (see `adaptive_max_pool` for where they are).

    The windows are boxes, so the mean is taken along one axis after the other, each time as a product with a matrix of
    averaging weights.
    """

    def mean(x: Array) -> Array:
        for axis, matrix in _averages(x, x.shape, output_size):
            x = _along(x, axis, matrix)
        return x

    return in_float32(mean, x)


@adaptive_avg_pool.vjp("x")
def adaptive_avg_pool_d_x(g: Array, x_shape: Ints, *, output_size: PerAxis) -> Array:
    def spread(g: Array) -> Array:
        for axis, matrix in _averages(g, x_shape, output_size):
            g = _along(g, axis, matrix.T)
        return g

    return in_float32(spread, g)


def _averages(x: Array, shape: Ints, output_size: PerAxis) -> list[tuple[int, Array]]:
    """Return each spatial axis with the matrix (windows, length) that averages along it."""
    like = array_of(x)
    xp = namespace(like)
    matrices = []
    for axis, windows in enumerate(adaptive_bounds("adaptive_avg_pool", shape, output_size), start=2):
        n, m, i = shape[axis], len(windows), xp.arange(len(windows)).reshape((-1, 1))
        start, end = i * n // m, ((i + 1) * n + m - 1) // m  # these windows, made where x is
        place = xp.arange(n)
        matrices.append((axis, (((start <= place) & (place < end)) / (end - start)).astype(like.dtype)))
    return matrices


def _along(x: Array, axis: int, matrix: Array) -> Array:
    """Multiply the vectors along ``axis`` by a matrix."""
    return matmul(x.swapaxes(axis, -1), matrix.T).swapaxes(axis, -1)


# ------------------------------------------------------------------------------------------- by number of spatial axes


def _lp_pool(x: Array, norm_type: float, kernel_size: PerAxis, stride: PerAxis | None = None, ceil_mode: bool = False) -> Array:
    """p-norm of each window, ``(sum x**p) ** (1 / p)``.

    As in PyTorch x is raised to the power as it is, so an odd p wants x >= 0, and in a window that sticks out because of
    ``ceil_mode`` the sum is scaled up to the elements of a whole one.
    """
    n = prod(per_axis(kernel_size, x.ndim - 2, "kernel_size"))

    def norm(x: Array) -> Array:
        return (avg_pool(x**norm_type, kernel_size=kernel_size, stride=stride, ceil_mode=ceil_mode) * n) ** (1 / norm_type)

    return in_float32(norm, x)


avg_pool1d, avg_pool2d, avg_pool3d = by_axes("avg_pool", avg_pool)
adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = by_axes("adaptive_avg_pool", adaptive_avg_pool)
lp_pool1d, lp_pool2d, lp_pool3d = by_axes("lp_pool", _lp_pool)
