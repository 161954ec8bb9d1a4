# mypy: disable-error-code="untyped-decorator"
"""Sums of shifted rows, which is what a convolution with stride 1 is: see `minigrad.kernels.direct`.

Four rows of the result take three taps at a time: 12 products for seven values read and four written, so that arithmetic
is the limit. The compiler makes long vectors of an inner loop only where it sees that rows are contiguous, as ``a[i, low:high]`` is.
"""

from __future__ import annotations

from typing import Any

import numba

from minigrad.backends import Array
from minigrad.kernels.loops import OPTIONS

compiled = numba.njit(**OPTIONS)
inlined = numba.njit(**OPTIONS, forceinline=True)  # called, the same loops took 1.6 times as long in the process that compiled them


@compiled
def convolve(x: Array, weight: Array, bias: Array, offsets: Array, layout: Any, piece: int, image: Array, sums: Array, y: Array) -> None:
    """Fill y (N, O, P, Q). Weight is (out, taps), filled up with zeros to multiples of 4 and 3; image and sums are scratch."""
    flat = image.reshape(image.size)
    for first in range(0, x.shape[0], layout[0]):
        _lay_out(x, first, layout, image)
        for o in range(0, y.shape[1], 4):
            sums[:] = 0
            for low in range(0, sums.shape[1], piece):
                _add_rows(flat, offsets, weight[o : o + 4], low, min(low + piece, sums.shape[1]), sums)
            _take_out(sums, layout, bias, first, o, y)


@compiled
def weight_gradient(x: Array, g: Array, offsets: Array, layout: Any, piece: int, image: Array, cotangent: Array, total: Array) -> None:
    """Add to total (out, taps), in multiples of 4 and 3; image and cotangent are scratch, zero where nothing is laid out."""
    samples, width = layout[:2]
    flat = image.reshape(image.size)
    for first in range(0, x.shape[0], samples):
        _lay_out(x, first, layout, image)
        _lay_out(g, first, (samples, width, 0, 0), cotangent)
        for low in range(0, cotangent.shape[1], piece):
            for o in range(0, total.shape[0], 4):
                high = min(low + piece, cotangent.shape[1])
                _add_products(flat, offsets, cotangent[o : o + 4], low, high, total[o : o + 4])


@inlined
def _lay_out(x: Array, first: int, layout: Any, image: Array) -> None:
    """Copy samples of x, from the ``first`` on, into the rows of the image; zeros where there are no more samples."""
    samples, width, top, left = layout
    for k in range(samples):
        for c in range(x.shape[1]):
            for i in range(x.shape[2]):
                start = ((top + i) * samples + k) * width + left
                target = image[c, start : start + x.shape[3]]
                if first + k < x.shape[0]:
                    source = x[first + k, c, i]
                    for j in range(target.size):
                        target[j] = source[j]
                else:
                    target[:] = 0


@inlined
def _take_out(sums: Array, layout: Any, bias: Array, first: int, o: int, y: Array) -> None:
    """Copy sums to samples of y, from the ``first`` on, and channels from ``o`` on, and add the bias."""
    samples, width = layout[:2]
    for k in range(min(samples, y.shape[0] - first)):
        for r in range(min(4, y.shape[1] - o)):
            row, b = sums[r], bias[o + r]
            for i in range(y.shape[2]):
                target, start = y[first + k, o + r, i], (i * samples + k) * width
                source = row[start : start + target.size]
                for j in range(target.size):
                    target[j] = source[j] + b


@inlined
def _add_rows(flat: Array, offsets: Array, weight: Array, low: int, high: int, sums: Array) -> None:
    """sums[r, j] += sum over k of weight[r, k] flat[offsets[k] + j], for low <= j < high"""
    y0, y1, y2, y3 = sums[0, low:high], sums[1, low:high], sums[2, low:high], sums[3, low:high]
    w0, w1, w2, w3 = weight
    for k in range(0, offsets.size, 3):
        p, q, r = offsets[k], offsets[k + 1], offsets[k + 2]
        x0, x1, x2 = flat[p + low : p + high], flat[q + low : q + high], flat[r + low : r + high]
        a0, b0, c0 = w0[k], w0[k + 1], w0[k + 2]
        a1, b1, c1 = w1[k], w1[k + 1], w1[k + 2]
        a2, b2, c2 = w2[k], w2[k + 1], w2[k + 2]
        a3, b3, c3 = w3[k], w3[k + 1], w3[k + 2]
        for j in range(high - low):
            a, b, c = x0[j], x1[j], x2[j]
            y0[j] += a0 * a + b0 * b + c0 * c
            y1[j] += a1 * a + b1 * b + c1 * c
            y2[j] += a2 * a + b2 * b + c2 * c
            y3[j] += a3 * a + b3 * b + c3 * c


@inlined
def _add_products(flat: Array, offsets: Array, cotangent: Array, low: int, high: int, total: Array) -> None:
    """total[r, k] += sum over low <= j < high of cotangent[r, j] flat[offsets[k] + j]"""
    g0, g1, g2, g3 = cotangent[0, low:high], cotangent[1, low:high], cotangent[2, low:high], cotangent[3, low:high]
    t0, t1, t2, t3 = total
    for k in range(0, offsets.size, 3):
        p, q, r = offsets[k], offsets[k + 1], offsets[k + 2]
        x0, x1, x2 = flat[p + low : p + high], flat[q + low : q + high], flat[r + low : r + high]
        a0 = b0 = c0 = a1 = b1 = c1 = a2 = b2 = c2 = a3 = b3 = c3 = flat.dtype.type(0)
        for j in range(high - low):
            a, b, c = x0[j], x1[j], x2[j]
            a0, b0, c0 = a0 + g0[j] * a, b0 + g0[j] * b, c0 + g0[j] * c
            a1, b1, c1 = a1 + g1[j] * a, b1 + g1[j] * b, c1 + g1[j] * c
            a2, b2, c2 = a2 + g2[j] * a, b2 + g2[j] * b, c2 + g2[j] * c
            a3, b3, c3 = a3 + g3[j] * a, b3 + g3[j] * b, c3 + g3[j] * c
        t0[k], t0[k + 1], t0[k + 2] = t0[k] + a0, t0[k + 1] + b0, t0[k + 2] + c0
        t1[k], t1[k + 1], t1[k + 2] = t1[k] + a1, t1[k + 1] + b1, t1[k + 2] + c1
        t2[k], t2[k + 1], t2[k + 2] = t2[k] + a2, t2[k + 1] + b2, t2[k + 2] + c2
        t3[k], t3[k + 1], t3[k + 2] = t3[k] + a3, t3[k + 1] + b3, t3[k + 2] + c3
