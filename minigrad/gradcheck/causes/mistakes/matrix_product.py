"""Products of matrices, and the mistakes in them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import prod
from typing import Any

import numpy as np

from minigrad.gradcheck.causes.mistakes.function import Gradient, RecognisedFunction, Vector, same


def matrix_products(args: list[Any], y: Vector, v: Vector) -> Iterator[RecognisedFunction]:
    a, b = args[0], args[1]
    if not isinstance(b, np.ndarray) or a.ndim < 2 or b.ndim < 2 or not same(a @ b, y):
        return

    def right(g: Vector, other: Vector, first: bool) -> Vector:
        return np.asarray(g @ other.swapaxes(-1, -2) if first else other.swapaxes(-1, -2) @ g)

    found: dict[int, dict[str, Gradient]] = {}
    for k, (x, other) in enumerate(((a, b), (b, a))):
        full = right(v, other, k == 0)
        lead = full.ndim - x.ndim
        over = (*range(lead), *(lead + i for i, n in enumerate(x.shape) if n == 1 and full.shape[lead + i] != 1))
        batch = prod(full.shape[i] for i in over)

        def take(where: int, full: Vector = full, over: Any = over, x: Vector = x) -> Vector:
            part = full
            for i in over:
                part = part.take([where], axis=i)
            return part.reshape(x.shape)

        def summed(t: Vector, over: Any = over, x: Vector = x) -> Vector:
            return np.asarray(t.sum(axis=over, keepdims=True)).reshape(x.shape)

        total = summed(full)
        mine: dict[str, Gradient] = {
            "the product without the transposition": lambda k=k, other=other, summed=summed: summed(v @ other if k == 0 else other @ v),  # type: ignore[misc]
            "the product with the factors in the other order": lambda k=k, other=other, summed=summed: summed(right(v, other, k == 1)),  # type: ignore[misc]
            "the product of the cotangent with the input itself": lambda k=k, x=x, summed=summed: summed(right(v, x, k == 0)),  # type: ignore[misc]
            "the right one transposed": lambda total=total, x=x: total.swapaxes(-1, -2).reshape(x.shape),  # type: ignore[misc]
        }
        if batch > 1:
            mine["the mean over the axes that were broadcast, where the sum belongs"] = partial(np.divide, total, batch)
            mine["that of the first of the products that were broadcast, where the sum over all belongs"] = partial(take, 0)
            mine["that of the last of the products that were broadcast, where the sum over all belongs"] = partial(take, -1)
        found[k] = mine
    yield RecognisedFunction("matrix product", found)
