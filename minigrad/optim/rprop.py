"""Rprop: steps that look at the sign of a gradient, not at its size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from minigrad.backends import Array, namespace
from minigrad.optim.arguments import is_number
from minigrad.optim.optimizer import Optimizer, Params


class Rprop(Optimizer):
    """x <- x - d * sign(g), each element with a step d of its own: longer while g keeps its sign, shorter where it changes.

    d begins as ``lr`` and is multiplied by ``etas[1]`` where g has the sign of the step before, by ``etas[0]`` where it has
    the other one; there the element stays, and its next gradient counts as new. For gradients of all data: those of batches change
    their signs by chance.
    (Riedmiller, Braun: "A direct adaptive method for faster backpropagation learning: the RPROP algorithm", 1993; the form
    without weight backtracking, iRprop- of Igel and Huesken, 2000.)

    Parameters
    ----------
    params
        Tensors, or groups of them.
    lr
        The first steps.
    etas
        Two factors, one between 0 and 1, one above 1.
    step_sizes
        The shortest and the longest step.
    maximize
        Whether to go up.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "etas": etas, "step_sizes": step_sizes}
        self.check_group(options)
        super().__init__(params, {**options, "maximize": maximize})

    def check_group(self, options: Mapping[str, Any]) -> None:
        super().check_group(options)
        etas, sizes = options.get("etas", (0.5, 1.2)), options.get("step_sizes", (0.0, 1.0))
        if not _are_two(etas) or not 0 < etas[0] < 1 < etas[1] < math.inf:
            raise ValueError(f"Rprop: etas must be a factor between 0 and 1 and one above 1, such as (0.5, 1.2), not {etas!r}")
        if not _are_two(sizes) or not 0 <= sizes[0] <= sizes[1]:
            raise ValueError(f"Rprop: step_sizes must be the shortest and the longest step, such as (1e-6, 50), not {sizes!r}")

    def slots(self, group: dict[str, Any]) -> dict[str, float]:
        return {"prev": 0, "step_size": 0}

    def update(self, x: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> None:
        xp, (shorter, longer), d = namespace(x), group["etas"], s["step_size"]
        d += group["lr"] * 0.0 ** (s["step"] - 1)  # in the first step alone: not by an if, so that one program is right for every step
        agreement = xp.sign(g) * xp.sign(s["prev"])  # a product of the gradients would vanish where both are small
        d *= xp.where(agreement > 0, longer, xp.where(agreement < 0, shorter, 1.0)).astype(d.dtype)
        xp.clip(d, *group["step_sizes"], out=d)
        kept = xp.where(agreement < 0, xp.zeros_like(g), g)
        x -= d * xp.sign(kept)
        s["prev"][...] = kept


def _are_two(values: Any) -> bool:
    """Tell whether something is a pair of numbers."""
    return isinstance(values, (tuple, list)) and len(values) == 2 and all(map(is_number, values))
