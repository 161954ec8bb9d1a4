# mypy: disable-error-code="untyped-decorator"
"""Batch norm: sums are taken in the dtype of the values along a row or over a few rows, and then in float64.

A first reading takes the sums of x and of its squares. Where a mean is large beside the standard deviation, so that digits
cancel, they are taken again of x - mean; what the rounding of the mean leaves in them is taken out.
"""

from __future__ import annotations

import numba
import numpy as np

from minigrad.backends import Array
from minigrad.kernels.loops import OPTIONS

compiled = numba.njit(**OPTIONS)

SHORT = 1  #: values of a channel in a row, up to which x is worked on as columns
COLUMNS = 1024  #: channels that are worked on together where each has one value in a row: what is kept of them fits the first cache
ROWS = 64  #: rows that are summed in the dtype of x before the sum goes to float64


@compiled
def _moments(x: Array, c: int, shift: Array) -> Array:
    """Mean and variance of x[:, c] - shift."""
    total, squares, m = 0.0, 0.0, x.shape[0] * x.shape[2]
    for k in range(x.shape[0]):
        row, s, q = x[k, c], x.dtype.type(0), x.dtype.type(0)
        for i in range(row.size):
            d = row[i] - shift
            s += d
            q += d * d
        total += s
        squares += q
    return total / m, squares / m - (total / m) ** 2


@compiled
def batch_norm_forward(x: Array, weight: Array, bias: Array, eps: float, rectified: bool, y: Array, mean: Array, var: Array) -> None:
    """Batch norm of (N, C, L), followed by a ReLU if ``rectified``; fills y, mean and var."""
    n, channels, length = x.shape
    zero = x.dtype.type(0)
    for c in range(channels):
        shift = zero
        rest, variance = _moments(x, c, shift)
        if not (rest * rest <= variance and variance < np.inf):
            shift = x.dtype.type(rest)
            rest, variance = _moments(x, c, shift)
        scale = weight[c] / np.sqrt(variance + eps)
        a, b = x.dtype.type(scale), x.dtype.type(bias[c] - rest * scale)
        for k in range(n):
            row, out = x[k, c], y[k, c]
            if rectified:
                for i in range(length):
                    t = (row[i] - shift) * a + b
                    out[i] = zero if t <= 0 else t
            else:
                for i in range(length):
                    out[i] = (row[i] - shift) * a + b
        mean[c], var[c] = shift + rest, variance


@compiled
def batch_norm_backward(
    g: Array, y: Array, x: Array, weight: Array, mean: Array, var: Array, eps: float, rectified: bool, g_x: Array, g_weight: Array,
    g_bias: Array,
) -> None:  # fmt: skip
    """Gradients of `batch_norm_forward`; fills g_x, g_weight and g_bias. Masked by y where ``rectified``."""
    n, channels, length = x.shape
    m = n * length
    zero = x.dtype.type(0)
    for c in range(channels):
        total, products, lost, center = 0.0, 0.0, 0.0, mean[c]
        for k in range(n):
            cotangent, value, row, s, p, q = g[k, c], y[k, c], x[k, c], zero, zero, zero
            for i in range(length):
                t, d = cotangent[i], row[i] - center
                t = t if value[i] > 0 or not rectified else zero
                s += t
                p += t * d
                q += d
            total += s
            products += p
            lost += q
        rstd = 1 / np.sqrt(np.float64(var[c]) + eps)
        product = (products - total * lost / m) * rstd
        g_bias[c], g_weight[c] = total, product
        slope, scale = x.dtype.type(product * rstd / m), x.dtype.type(weight[c] * rstd)
        average = x.dtype.type((total - slope * lost) / m)
        for k in range(n):
            cotangent, value, row, out = g[k, c], y[k, c], x[k, c], g_x[k, c]
            for i in range(length):
                t = cotangent[i]
                t = t if value[i] > 0 or not rectified else zero
                out[i] = scale * (t - average - (row[i] - center) * slope)


@compiled
def _moments_of_columns(x: Array, low: int, shift: Array, sums: Array, squares: Array) -> None:
    """Fill in mean and variance of the columns of x from ``low`` on, less ``shift``."""
    n, width = len(x), len(shift)
    s, q = np.empty(width, x.dtype), np.empty(width, x.dtype)
    sums[:], squares[:] = 0, 0
    for start in range(0, n, ROWS):
        s[:], q[:] = 0, 0
        for k in range(start, min(start + ROWS, n)):
            row = x[k, low : low + width]
            for i in range(width):
                d = row[i] - shift[i]
                s[i] += d
                q[i] += d * d
        for i in range(width):
            sums[i] += s[i]
            squares[i] += q[i]
    for i in range(width):
        sums[i] /= n
        squares[i] = squares[i] / n - sums[i] * sums[i]


@compiled
def batch_norm_columns_forward(
    x: Array, weight: Array, bias: Array, eps: float, rectified: bool, y: Array, mean: Array, var: Array
) -> None:
    """Batch norm of (N, C), followed by a ReLU if ``rectified``; fills y, mean and var."""
    n, channels = x.shape
    zero = x.dtype.type(0)
    for low in range(0, channels, COLUMNS):
        width = min(COLUMNS, channels - low)
        shift, rest, variance = np.zeros(width, x.dtype), np.empty(width), np.empty(width)
        _moments_of_columns(x, low, shift, rest, variance)
        if not (np.all(rest * rest <= variance) and np.all(variance < np.inf)):
            shift[:] = rest
            _moments_of_columns(x, low, shift, rest, variance)
        a, b = np.empty(width, x.dtype), np.empty(width, x.dtype)
        for i in range(width):
            scale = weight[low + i] / np.sqrt(variance[i] + eps)
            a[i], b[i] = scale, bias[low + i] - rest[i] * scale
            mean[low + i], var[low + i] = shift[i] + rest[i], variance[i]
        for k in range(n):
            row, out = x[k, low : low + width], y[k, low : low + width]
            if rectified:
                for i in range(width):
                    t = (row[i] - shift[i]) * a[i] + b[i]
                    out[i] = zero if t <= 0 else t
            else:
                for i in range(width):
                    out[i] = (row[i] - shift[i]) * a[i] + b[i]


@compiled
def batch_norm_columns_backward(
    g: Array, y: Array, x: Array, weight: Array, mean: Array, var: Array, eps: float, rectified: bool, g_x: Array, g_weight: Array,
    g_bias: Array,
) -> None:  # fmt: skip
    """Gradients of `batch_norm_columns_forward`; fills g_x, g_weight and g_bias. Masked by y where ``rectified``."""
    n, channels = x.shape
    zero = x.dtype.type(0)
    for low in range(0, channels, COLUMNS):
        width = min(COLUMNS, channels - low)
        high, center = low + width, mean[low : low + width]
        s, p, q = np.empty(width, x.dtype), np.empty(width, x.dtype), np.empty(width, x.dtype)
        totals, products, lost = np.zeros(width), np.zeros(width), np.zeros(width)
        for start in range(0, n, ROWS):
            s[:], p[:], q[:] = 0, 0, 0
            for k in range(start, min(start + ROWS, n)):
                cotangent, value, row = g[k, low:high], y[k, low:high], x[k, low:high]
                for i in range(width):
                    t, d = cotangent[i], row[i] - center[i]
                    t = t if value[i] > 0 or not rectified else zero
                    s[i] += t
                    p[i] += t * d
                    q[i] += d
            for i in range(width):
                totals[i] += s[i]
                products[i] += p[i]
                lost[i] += q[i]
        average, slope, scale = s, p, q
        for i in range(width):
            rstd = 1 / np.sqrt(np.float64(var[low + i]) + eps)
            product = (products[i] - totals[i] * lost[i] / n) * rstd
            g_bias[low + i], g_weight[low + i] = totals[i], product
            slope[i], scale[i] = product * rstd / n, weight[low + i] * rstd
            average[i] = (totals[i] - slope[i] * lost[i]) / n
        for k in range(n):
            cotangent, value, row, out = g[k, low:high], y[k, low:high], x[k, low:high], g_x[k, low:high]
            for i in range(width):
                t = cotangent[i]
                t = t if value[i] > 0 or not rectified else zero
                out[i] = scale[i] * (t - average[i] - (row[i] - center[i]) * slope[i])
