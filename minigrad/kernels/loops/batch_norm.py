# mypy: disable-error-code="untyped-decorator"
"""Batch norm: sums are taken in the dtype of the values along a row, and in float64 over the rows."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from minigrad.kernels.loops import OPTIONS

compiled = numba.njit(**OPTIONS)


@compiled
def _row_sum(row: Any, shift: Any) -> Any:
    total = row.dtype.type(0)
    for i in range(row.size):
        total += row[i] - shift
    return total


@compiled
def batch_norm_forward(x: Any, weight: Any, bias: Any, eps: float, rectified: bool, y: Any, mean: Any, var: Any) -> None:
    """Batch norm of (N, C, L), followed by a ReLU if ``rectified``; fills y, mean and var."""
    n, channels, length = x.shape
    m = n * length
    for c in range(channels):
        total = 0.0
        for k in range(n):
            total += _row_sum(x[k, c], x.dtype.type(0))
        near = x.dtype.type(total / m)
        total, squares = 0.0, 0.0
        for k in range(n):
            row, s, q = x[k, c], x.dtype.type(0), x.dtype.type(0)
            for i in range(length):
                d = row[i] - near
                s += d
                q += d * d
            total += s
            squares += q
        rest = total / m  # what the rounding of the mean left
        variance = squares / m - rest * rest
        scale = weight[c] / np.sqrt(variance + eps)
        a, b = x.dtype.type(scale), x.dtype.type(bias[c] - rest * scale)
        for k in range(n):
            row, out = x[k, c], y[k, c]
            if rectified:
                for i in range(length):
                    t = (row[i] - near) * a + b
                    out[i] = x.dtype.type(0) if t <= 0 else t
            else:
                for i in range(length):
                    out[i] = (row[i] - near) * a + b
        mean[c], var[c] = near + rest, variance


@compiled
def batch_norm_backward(
    g: Any, y: Any, x: Any, weight: Any, mean: Any, var: Any, eps: float, rectified: bool, g_x: Any, g_weight: Any, g_bias: Any
) -> None:  # fmt: skip
    """Gradients of `batch_norm_forward`; fills g_x, g_weight and g_bias. Masked by y where ``rectified``."""
    n, channels, length = x.shape
    m = n * length
    zero = x.dtype.type(0)
    for c in range(channels):
        if rectified:
            for k in range(n):
                cotangent, value, out = g[k, c], y[k, c], g_x[k, c]
                for i in range(length):
                    out[i] = cotangent[i] if value[i] > 0 else zero
        source = g_x if rectified else g
        total = 0.0
        for k in range(n):
            total += _row_sum(source[k, c], zero)
        average, center = x.dtype.type(total / m), mean[c]
        products = 0.0
        for k in range(n):
            cotangent, row, p = source[k, c], x[k, c], zero
            for i in range(length):
                p += (cotangent[i] - average) * (row[i] - center)
            products += p
        rstd = 1 / np.sqrt(np.float64(var[c]) + eps)
        g_bias[c], g_weight[c] = total, products * rstd
        slope, scale = x.dtype.type(products * rstd * rstd / m), x.dtype.type(weight[c] * rstd)
        for k in range(n):
            cotangent, row, out = source[k, c], x[k, c], g_x[k, c]
            for i in range(length):
                out[i] = scale * (cotangent[i] - average - (row[i] - center) * slope)


COLUMNS = 128  #: channels that are worked on together where each has one value in a row, so that inner loops run along rows
ROWS = 64  #: rows that are summed in the dtype of x before the sum goes to float64


@compiled
def batch_norm_columns_forward(x: Any, weight: Any, bias: Any, eps: float, rectified: bool, y: Any, mean: Any, var: Any) -> None:
    """Batch norm of (N, C), followed by a ReLU if ``rectified``; fills y, mean and var."""
    n, channels = x.shape
    kind = x.dtype.type
    for low in range(0, channels, COLUMNS):
        high = min(low + COLUMNS, channels)
        width = high - low
        sums, squares = np.zeros(width), np.zeros(width)
        near, a, b = np.empty(width, x.dtype), np.empty(width, x.dtype), np.empty(width, x.dtype)
        for start in range(0, n, ROWS):
            a[:] = 0
            for k in range(start, min(start + ROWS, n)):
                row = x[k, low:high]
                for i in range(width):
                    a[i] += row[i]
            for i in range(width):
                sums[i] += a[i]
        for i in range(width):
            near[i], sums[i] = sums[i] / n, 0
        for start in range(0, n, ROWS):
            a[:], b[:] = 0, 0
            for k in range(start, min(start + ROWS, n)):
                row = x[k, low:high]
                for i in range(width):
                    d = row[i] - near[i]
                    a[i] += d
                    b[i] += d * d
            for i in range(width):
                sums[i] += a[i]
                squares[i] += b[i]
        for i in range(width):
            rest = sums[i] / n  # what the rounding of the mean left
            variance = squares[i] / n - rest * rest
            scale = weight[low + i] / np.sqrt(variance + eps)
            mean[low + i], var[low + i] = near[i] + rest, variance
            a[i], b[i] = scale, bias[low + i] - rest * scale
        for k in range(n):
            row, out = x[k, low:high], y[k, low:high]
            if rectified:
                for i in range(width):
                    t = (row[i] - near[i]) * a[i] + b[i]
                    out[i] = kind(0) if t <= 0 else t
            else:
                for i in range(width):
                    out[i] = (row[i] - near[i]) * a[i] + b[i]


@compiled
def batch_norm_columns_backward(
    g: Any, y: Any, x: Any, weight: Any, mean: Any, var: Any, eps: float, rectified: bool, g_x: Any, g_weight: Any, g_bias: Any
) -> None:  # fmt: skip
    """Gradients of `batch_norm_columns_forward`; fills g_x, g_weight and g_bias. Masked by y where ``rectified``."""
    n, channels = x.shape
    kind = x.dtype.type
    for low in range(0, channels, COLUMNS):
        high = min(low + COLUMNS, channels)
        width = high - low
        totals, products, center = np.zeros(width), np.zeros(width), mean[low:high]
        average, slopes, scales = np.empty(width, x.dtype), np.empty(width, x.dtype), np.empty(width, x.dtype)
        if rectified:
            for k in range(n):
                cotangent, value, out = g[k, low:high], y[k, low:high], g_x[k, low:high]
                for i in range(width):
                    out[i] = cotangent[i] if value[i] > 0 else kind(0)
        source = g_x if rectified else g
        for start in range(0, n, ROWS):
            slopes[:] = 0
            for k in range(start, min(start + ROWS, n)):
                cotangent = source[k, low:high]
                for i in range(width):
                    slopes[i] += cotangent[i]
            for i in range(width):
                totals[i] += slopes[i]
        for i in range(width):
            g_bias[low + i], average[i] = totals[i], totals[i] / n
        for start in range(0, n, ROWS):
            slopes[:] = 0
            for k in range(start, min(start + ROWS, n)):
                cotangent, row = source[k, low:high], x[k, low:high]
                for i in range(width):
                    slopes[i] += (cotangent[i] - average[i]) * (row[i] - center[i])
            for i in range(width):
                products[i] += slopes[i]
        for i in range(width):
            rstd = 1 / np.sqrt(np.float64(var[low + i]) + eps)
            g_weight[low + i], scales[i] = products[i] * rstd, weight[low + i] * rstd
            slopes[i] = products[i] * rstd * rstd / n
        for k in range(n):
            cotangent, row, out = source[k, low:high], x[k, low:high], g_x[k, low:high]
            for i in range(width):
                out[i] = scales[i] * (cotangent[i] - average[i] - (row[i] - center[i]) * slopes[i])
