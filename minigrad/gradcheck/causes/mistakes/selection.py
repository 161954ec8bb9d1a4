"""Functions whose values are elements of their input: indexing, gathering, embedding, repeating, sorting; and the mistakes in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.gradcheck.causes.mistakes.function import Gradient, RecognisedFunction, Vector


def selections(args: list[Any], y: Vector, v: Vector) -> Iterator[RecognisedFunction]:
    """Recognise a selection in which an element occurs several times: only there can it be seen who adds and who overwrites."""
    for k, x in enumerate(args):
        if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or not x.size or np.unique(x).size < x.size or not np.isin(y, x).all():
            continue
        order = np.argsort(x, axis=None)
        taken = order[np.searchsorted(x.ravel()[order], y.ravel())]
        if np.unique(taken).size < taken.size:
            yield RecognisedFunction("a selection of elements", {k: _mistakes(x, taken, v.ravel())})


def _mistakes(x: Vector, taken: Vector, v: Vector) -> dict[str, Gradient]:
    count = np.maximum(np.bincount(taken, minlength=x.size), 1)
    added = np.zeros(x.size)
    np.add.at(added, taken, v)

    def written(places: Vector, values: Vector) -> Vector:
        out = np.zeros(x.size)
        for place, value in zip(places, values, strict=True):  # in this order: the last one stays
            out[place] = value
        return out.reshape(x.shape)

    return {
        "overwritten where an element is taken several times (z[i] = g, or z[i] += g, which NumPy does once): it must be added, "
        "by np.add.at": lambda: written(taken, v),
        "that of the first time an element is taken, where all times must be added": lambda: written(taken[::-1], v[::-1]),
        "the mean over the times that an element is taken, where the sum belongs": lambda: (added / count).reshape(x.shape),
    }
