"""What a backward pass does with its cotangent that a linear one would not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.core.device import to_host
from minigrad.gradcheck.causes.diagnosis import Diagnosis
from minigrad.gradcheck.causes.relations import equal
from minigrad.gradcheck.numerics.linearization import cotangent
from minigrad.gradcheck.numerics.problem import Problem

TOLERANCE = 1e-9


def about_the_cotangent(problem: Problem, names: set[str], seed: int) -> Iterator[Diagnosis]:
    """Yield what is known of how the gradients of the inputs ``names`` depend on the cotangent, which is not linearly."""
    rng = np.random.default_rng(seed + 1)
    outputs, pull = problem.pullback(problem.inputs)
    v, w = ([cotangent(rng, y.shape) for y in outputs] for _ in range(2))

    def gradients(vs: list[Any]) -> list[Any]:
        found = pull([part.copy() for part in vs])
        return [np.zeros(x.shape) if g is None else to_host(g.data) for g, x in zip(found, problem.inputs, strict=True)]

    for_v, for_w, doubled, zero = gradients(v), gradients(w), gradients([2 * part for part in v]), gradients([0 * part for part in v])
    for k, i in enumerate(problem.wrt):
        name = problem.names[i]
        if name not in names:
            continue
        if for_v[k].any() and equal(for_v[k], for_w[k], TOLERANCE):
            yield Diagnosis("cotangent_ignored", f"your gradient for {name} is the same whatever the cotangent is: multiply with it", name)
        elif zero[k].any() and equal(doubled[k] - zero[k], 2 * (for_v[k] - zero[k]), TOLERANCE):
            text = f"in your gradient for {name} something is added that is not multiplied with the cotangent"
            yield Diagnosis("constant_beside_cotangent", text, name)
        elif equal(doubled[k], 4 * for_v[k], TOLERANCE):
            yield Diagnosis(
                "cotangent_twice", f"in your gradient for {name} the cotangent enters twice: it is four times as large for 2 v", name
            )
        else:
            text = f"your gradient for {name} is not linear in the cotangent: it enters twice, or inside a function"
            yield Diagnosis("not_linear", text, name)
