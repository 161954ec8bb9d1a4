# mypy: disable-error-code="untyped-decorator"
"""Max pooling by 2x2: a window is compared in registers."""

from __future__ import annotations

import numba
import numpy as np

from minigrad.backends import Array
from minigrad.kernels.loops import OPTIONS

compiled = numba.njit(**OPTIONS)


@compiled
def max_pool_2x2(x: Array, y: Array, indices: Array) -> bool:
    """Max pooling of planes (P, H, W) by 2x2; fills y and indices. Returns False where it met a NaN."""
    planes, height, width = y.shape
    wide = np.int32(x.shape[2])  # positions of the width of a float, so that both fit the same vectors
    zero, one, two = np.int32(0), np.int32(1), np.int32(2)
    ordered = True
    for p in range(planes):
        for i in range(height):
            above, below, out, where = x[p, 2 * i], x[p, 2 * i + 1], y[p, i], indices[p, i]
            start = np.int32(2 * i) * wide
            for j in range(width):
                a, b, c, d = above[2 * j], above[2 * j + 1], below[2 * j], below[2 * j + 1]
                top, at_top = (b, one) if b > a else (a, zero)
                bottom, at_bottom = (d, wide + one) if d > c else (c, wide)
                best, at = (bottom, at_bottom) if bottom > top else (top, at_top)
                ordered &= a <= best and b <= best and c <= best and d <= best
                out[j], where[j] = best, start + two * np.int32(j) + at
    return ordered


@compiled
def max_pool_2x2_gradient(g: Array, indices: Array, g_x: Array) -> None:
    """Put g (P, H, W) at the indices into planes; fills g_x wholly where 2x2 windows cover it."""
    planes, height, width = g.shape
    wide = np.int32(g_x.shape[2])
    zero, one, two = g_x.dtype.type(0), np.int32(1), np.int32(2)
    for p in range(planes):
        for i in range(height):
            above, below, cotangent, where = g_x[p, 2 * i], g_x[p, 2 * i + 1], g[p, i], indices[p, i]
            start = np.int32(2 * i) * wide
            for j in range(width):
                at, value = where[j] - start - two * np.int32(j), cotangent[j]
                above[2 * j] = value if at == 0 else zero
                above[2 * j + 1] = value if at == one else zero
                below[2 * j] = value if at == wide else zero
                below[2 * j + 1] = value if at == wide + one else zero
