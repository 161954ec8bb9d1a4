"""Max pooling, and the mistakes in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np

from minigrad.gradcheck.causes.mistakes.function import Gradient, RecognisedFunction, Vector, same


def max_pools(args: list[Any], y: Vector, v: Vector) -> Iterator[RecognisedFunction]:
    x = args[0]
    if x.ndim < 3 or x.ndim != y.ndim or x.ndim > 4:
        return
    spatial = x.shape[2:]
    for kernel in range(2, max(spatial) + 1):
        for stride in range(1, kernel + 1):
            counts = tuple((n - kernel) // stride + 1 for n in spatial)
            if (x.shape[0], x.shape[1], *counts) != y.shape or min(counts) < 1:
                continue
            windows = [(at, (..., *(slice(i * stride, i * stride + kernel) for i in at))) for at in np.ndindex(*counts)]
            pooled = np.zeros(y.shape)
            axes = tuple(range(2, x.ndim))
            for at, where in windows:
                pooled[(..., *at)] = x[where].max(axis=axes)
            if not same(pooled, y):
                continue
            yield RecognisedFunction(f"max pooling, kernel {kernel}, stride {stride}", {0: _pool_mistakes(x, v, windows, axes)})
            return


def _pool_mistakes(x: Vector, v: Vector, windows: list[Any], axes: tuple[int, ...]) -> dict[str, Gradient]:
    def scattered(share: Callable[[Vector, Vector], Vector], add: bool = True) -> Vector:
        out = np.zeros(x.shape)
        for at, where in windows:
            part = share(x[where], v[(..., *at)].reshape(*v.shape[:2], *[1] * len(axes)))
            out[where] = out[where] + part if add else np.where(part != 0, part, out[where])
        return out

    def hit(w: Vector) -> Vector:
        return np.asarray(w == w.max(axis=axes, keepdims=True))

    def corner(w: Vector) -> Vector:
        mask = np.zeros(w.shape)
        mask[..., 0] = 1
        for axis in axes[:-1]:
            mask *= np.arange(w.shape[axis]).reshape([-1 if i == axis else 1 for i in range(w.ndim)]) == 0
        return mask

    size = prod(windows[0][1][1 + i].stop - windows[0][1][1 + i].start for i in range(len(axes)))
    return {
        "that of average pooling: spread evenly over the window": lambda: scattered(lambda w, g: np.broadcast_to(g / size, w.shape)),
        "handed to every element of the window, not to the largest": lambda: scattered(lambda w, g: np.broadcast_to(g, w.shape)),
        "handed to the smallest element of the window": lambda: scattered(lambda w, g: g * hit(-w)),
        "handed to the first element of the window": lambda: scattered(lambda w, g: g * corner(w)),
        "overwritten where windows overlap, where it must be added": lambda: scattered(lambda w, g: g * hit(w), add=False),
        "multiplied with the largest value, whose derivative is one": lambda: scattered(lambda w, g: g * hit(w) * w),
        "divided by the size of the window": lambda: scattered(lambda w, g: g * hit(w) / size),
    }
