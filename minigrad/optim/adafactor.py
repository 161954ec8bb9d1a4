"""Adafactor: what Adam remembers of a matrix's squared gradients, from the means of its rows and columns alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from minigrad.backends import Array, namespace
from minigrad.optim.arguments import check_options, is_number
from minigrad.optim.optimizer import Optimizer, Params


class Adafactor(Optimizer):
    """x <- (1 - lr * weight_decay) x - a * u / max(1, rms(u) / d), with u = g / sqrt(v) and a = max(eps2, rms(x)) * min(lr, 1 / sqrt(t)).

    v averages g^2, with the share t^beta2_decay for the newest. Of a matrix (of the last two axes, where there are more) only
    the means of rows and columns, r and c, are remembered, and v = r c / mean(r): as many numbers as rows and columns, not their
    product. ``eps`` is (eps1, eps2): sqrt(v) is at least eps1, by default the spacing of floats at 1.
    (Shazeer, Stern: "Adafactor: adaptive learning rates with sublinear memory cost", 2018, algorithms 4 and 5.)

    Parameters
    ----------
    params
        Tensors, or groups of them.
    lr
        The largest relative step: how far a parameter may go, as a share of its own size.
    beta2_decay
        The power, at most 0, by which the share of the newest gradient falls.
    eps
        A bound for sqrt(v) and one for the size of a parameter, which else could not leave 0.
    d
        The largest root mean square of u.
    weight_decay, maximize
        As elsewhere; the decay is decoupled.
    """

    elementwise = False

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay}
        self.check_group(options)
        super().__init__(params, {**options, "maximize": maximize, "decoupled_weight_decay": True})

    def check_group(self, options: Mapping[str, Any]) -> None:
        super().check_group({option: value for option, value in options.items() if option != "eps"})
        decay, eps, d = options.get("beta2_decay", 0), options.get("eps", (None, 0)), options.get("d", 1)
        if not is_number(decay) or not -math.inf < decay <= 0:
            raise ValueError(f"Adafactor: beta2_decay must be a number of at most 0, not {decay!r}")
        if not is_number(d) or not 1 <= d < math.inf:
            raise ValueError(f"Adafactor: d must be a number of at least 1, not {d!r}")
        if not isinstance(eps, (tuple, list)) or len(eps) != 2:
            raise ValueError(
                f"Adafactor: eps must be a bound for the root of v (None: that of the dtype) and one for a parameter, not {eps!r}"
            )
        check_options("Adafactor", **{"eps[0]": eps[0] or 0, "eps[1]": eps[1]})

    def slots(self, group: dict[str, Any]) -> dict[str, float]:
        return {"row_var": 0, "col_var": 0, "variance": 0}

    def shape_of(self, slot: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        if len(shape) < 2:
            return shape if slot == "variance" else None
        return {"row_var": (*shape[:-1], 1), "col_var": (*shape[:-2], 1, shape[-1])}.get(slot)

    def _decay_and_update(self, x: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> None:
        if x.size:
            super()._decay_and_update(x, g, {**s, "size": rms(x)}, group)  # of x before it decays

    def update(self, x: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> None:
        xp, t, (eps1, eps2) = namespace(x), s["step"], group["eps"]
        eps1 = xp.finfo(x.dtype).eps if eps1 is None else eps1
        direction = g / xp.sqrt(xp.maximum(self._variance(g * g, s, t ** group["beta2_decay"], eps1), eps1 * eps1))
        length = xp.maximum(s["size"], eps2) * min(group["lr"], 1 / t**0.5)
        x -= length / xp.maximum(rms(direction) / group["d"], 1.0) * direction

    def _variance(self, square: Array, s: dict[str, Any], share: float, eps1: float) -> Array:
        """Average g^2 in what is remembered of it, and return the average that it stands for."""
        if "variance" in s:
            s["variance"] += (square - s["variance"]) * share
            return s["variance"]
        rows, columns = s["row_var"], s["col_var"]
        rows += (square.mean(axis=-1, keepdims=True) - rows) * share
        columns += (square.mean(axis=-2, keepdims=True) - columns) * share
        return rows * columns / namespace(rows).maximum(rows.mean(axis=-2, keepdims=True), eps1)


def rms(x: Array) -> Array:
    """Return the root of the mean square."""
    return namespace(x).sqrt((x * x).mean())
