"""Derivatives that are written with the input or the output, mistaken for one another: x (1 - x) for y (1 - y), 1 - y for 1 - y^2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigrad.gradcheck.causes.relations import Relation, Vector, equal

#: how the slope of an elementwise function may be written; {} stands for the input or the output
FORMS: dict[str, Callable[[Vector], Vector]] = {
    "{}": lambda t: t,
    "1 - {}": lambda t: 1 - t,
    "{0} (1 - {0})": lambda t: t * (1 - t),
    "1 - {}^2": lambda t: 1 - t * t,
    "{}^2": lambda t: t * t,
    "1 / {}": lambda t: 1 / t,
    "1 / {}^2": lambda t: 1 / (t * t),
}


def forms(wrong: Vector, right: Vector, x: Vector, outputs: list[Vector], cotangents: list[Vector], tolerance: float) -> Iterator[Relation]:
    """Yield what a slope is and what it should be, where both are one of `FORMS` of the input x or the output y."""
    if len(outputs) != 1 or not outputs[0].shape == x.shape == right.shape or x.size < 3 or not cotangents[0].all():
        return
    v, values = cotangents[0], {"x": x, "y": outputs[0]}
    with np.errstate(all="ignore"):
        is_now, should_be = (_form(gradient / v, values, tolerance) for gradient in (wrong, right))
    if is_now and should_be and is_now != should_be:
        yield "form", f"{is_now} times the cotangent, where {should_be} belongs (x is the input, y the output)"


def _form(slope: Vector, values: dict[str, Vector], tolerance: float) -> str:
    found = [text.format(name) for name, t in values.items() for text, form in FORMS.items() if equal(slope, form(t), max(tolerance, 1e-7))]
    return found[0] if found else ""


def itself(function: Any, x: Vector, wrong: Vector, cotangents: list[Vector]) -> Iterator[Relation]:
    """Yield whether the gradient is the function, a linear one, applied to the cotangent."""
    if len(cotangents) != 1 or cotangents[0].shape != x.shape:
        return
    v = cotangents[0]
    with np.errstate(all="ignore"):
        at_v, at_sum = function(v), function(2 * v + x)
    if equal(at_sum, 2 * at_v + function(x), 1e-9) and equal(wrong.ravel(), at_v, 1e-9):
        yield (
            "not_transposed",
            "the function itself applied to the cotangent: backward through a linear function is its transpose",
        )
