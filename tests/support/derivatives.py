"""Derivatives of first to third order of what several ranks compute, beside those of one process that has everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import ops
from minigrad.distributed import all_gather, all_reduce, broadcast, reduce_scatter, reduce_to, sync_batch_norm

SHARDS = {1: [5], 2: [5, 11], 3: [4, 0, 7], 4: [5, 11, 1, 3]}  #: items on each rank: unequal, and one without any


def orders(value: mg.Tensor, inputs: list[mg.Tensor], count: int) -> list[list[Any]]:
    """The gradient, that of a function of the gradient, and so on: arrays, zero where nothing depends on an input."""
    found = []
    for _ in range(count):
        gradients = mg.grad([value], inputs, create_graph=True, allow_unused=True)
        gradients = [x * 0.0 if g is None else g for g, x in zip(gradients, inputs, strict=True)]
        found.append([g.data.copy() for g in gradients])
        value = added([(ops.cos(g) + g * g).sum() for g in gradients])
    return found


def added(values: list[Any]) -> Any:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def leaf(array: Any) -> mg.Tensor:
    return mg.Tensor(array, requires_grad=True)


def error(found: Any, expected: Any, scale: Any) -> float:
    return float(np.abs(found - expected).max(initial=0.0) / (np.abs(scale).max(initial=0.0) or 1.0))


# ------------------------------------------------------------------------------------------------------------- collectives

COLLECTIVES: dict[str, tuple[Callable[..., Any], Callable[[list[Any], int], Any]]] = {
    "all_reduce": (all_reduce, lambda zs, r: added(zs)),
    "all_gather": (all_gather, lambda zs, r: ops.stack(zs)),
    "reduce_scatter": (reduce_scatter, lambda zs, r: added(zs)[r]),
    "broadcast": (lambda x, group: broadcast(x, group=group, root=1), lambda zs, r: zs[1]),
    "reduce_to": (lambda x, group: reduce_to(x, group=group, root=1), lambda zs, r: added(zs) * float(r == 1)),
}  #: on a rank, and what rank r then has, from what all have


def collective_error(group: Any, name: str) -> float:
    """Largest error of first to third derivatives on this rank, of a loss that is another one on each rank."""
    on_a_rank, in_one_process = COLLECTIVES[name]
    xs = np.random.default_rng(0).normal(size=(group.size, group.size, 3))

    def loss(y: Any, r: int) -> Any:
        return (ops.sin(y) * (1.0 + r)).sum()

    x = leaf(xs[group.rank])
    mine = orders(loss(on_a_rank(x * x * (1.0 + group.rank), group=group), group.rank), [x], 3)
    all_of_them = [leaf(x) for x in xs]
    parts = [x * x * (1.0 + r) for r, x in enumerate(all_of_them)]
    truth = orders(added([loss(in_one_process(parts, r), r) for r in range(group.size)]), all_of_them, 3)
    return max(error(a[0], b[group.rank], b) for a, b in zip(mine, truth, strict=True))


# ------------------------------------------------------------------------------------------------------------- batch norm


def batch_norm_error(group: Any, shape: tuple[int, ...], *, statistics: bool, alike: bool, mean: float = 0.5, count: int = 3) -> float:
    """Largest error of the derivatives of `sync_batch_norm` on this rank, against `batch_norm` of the whole batch.

    ``statistics``: the loss depends on mean and var, too. ``alike``: all ranks have the same weight.
    """
    rng = np.random.default_rng(1)
    channels, axis, per = shape[0], (0, *range(2, len(shape) + 1)), (1, shape[0], *[1] * (len(shape) - 1))
    xs = [rng.normal(size=(n, *shape)) * rng.uniform(0.5, 2, per) + mean for n in SHARDS[group.size]]
    ws, bs = [rng.uniform(0.5, 2, channels) for _ in xs], [rng.normal(size=channels) for _ in xs]
    cs = [rng.normal(size=x.shape) for x in xs]
    ws, bs = ([v[0]] * len(v) if alike else v for v in (ws, bs))

    def loss(y: Any, mu: Any, var: Any, r: int) -> Any:
        total = (ops.sin(y) * cs[r]).sum()
        return total + ((mu * mu).sum() + ops.exp(-var).sum()) * (0.3 + r) if statistics else total

    r = group.rank
    mine = [leaf(xs[r]), leaf(ws[r]), leaf(bs[r])]
    y, mu, var, _ = sync_batch_norm(*mine, axis=axis, group=group)
    found = orders(loss(y, mu, var, r), mine, count)

    X, W, B = ([leaf(v) for v in values] for values in (xs, ws, bs))
    xhat, mu, var = ops.batch_norm(ops.concat(X), axis=axis)
    ends = np.cumsum([0, *SHARDS[group.size]])
    ys = [xhat[a:b] * w.reshape(per) + v.reshape(per) for a, b, w, v in zip(ends, ends[1:], W, B, strict=False)]
    truth = orders(added([loss(y, mu, var, s) for s, y in enumerate(ys)]), [*X, *W, *B], count)
    worst = 0.0
    for a, b in zip(found, truth, strict=True):
        for i in range(3):
            same_kind = b[i * group.size : (i + 1) * group.size]
            scale = max(np.abs(v).max(initial=0.0) for v in same_kind)
            worst = max(worst, error(a[i], same_kind[r], scale))
    return worst
