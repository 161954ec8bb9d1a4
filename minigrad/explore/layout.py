"""Where the nodes of a graph stand in a drawing: in layers, every edge downward, few crossings. Nothing recurses.

The steps are those of Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical system structures", 1981):

1. a layer for each node: one below the lowest of its parents (longest path); sources are pulled down to just above their users;
2. edges that pass layers get a bend in each of them;
3. the order within a layer: sweeps up and down, each sorting a layer by the mean place of its neighbours (barycentre);
4. the coordinates: each node as near to the mean of its neighbours as the order and the widths allow, in the least squares, by
   pooling nodes that would overlap (isotonic regression).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

GAP = 24.0  #: between neighbours in a layer
ROW = 44.0  #: between layers
ORDERINGS = 6
PLACEMENTS = 8


class Layout(NamedTuple):
    """Centres of the nodes, the bends of each edge from its upper to its lower end, and the size of it all."""

    nodes: list[tuple[float, float]]
    edges: list[list[tuple[float, float]]]
    width: float
    height: float


class _Place:
    """A node, or a bend of an edge, in a layer."""

    __slots__ = ("above", "below", "layer", "order", "width", "x")

    def __init__(self, layer: int, width: float) -> None:
        self.layer, self.width = layer, width
        self.above: list[_Place] = []
        self.below: list[_Place] = []
        self.order, self.x = 0, 0.0


def layered(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Layout:
    """Lay out a graph without cycles.

    Parameters
    ----------
    sizes
        Width and height of each node.
    edges
        Pairs of numbers of nodes, from and to.
    """
    if not sizes:
        return Layout([], [], 0.0, 0.0)
    layer = _layers(len(sizes), edges)
    places = [_Place(layer[k], sizes[k][0]) for k in range(len(sizes))]
    chains = [_chain(places[a], places[b]) for a, b in edges]
    layers: list[list[_Place]] = [[] for _ in range(max(layer) + 1)]
    for place in [*places, *(bend for chain in chains for bend in chain[1:-1])]:
        layers[place.layer].append(place)
    _order(layers)
    _place(layers)

    heights = [0.0] * len(layers)
    for k, (_, height) in enumerate(sizes):
        heights[layer[k]] = max(heights[layer[k]], height)
    middles, y = [], 0.0
    for height in heights:
        middles.append(y + height / 2)
        y += height + ROW
    left = min(place.x - place.width / 2 for row in layers for place in row)
    right = max(place.x + place.width / 2 for row in layers for place in row)

    def spot(place: _Place) -> tuple[float, float]:
        return place.x - left, middles[place.layer]

    return Layout([spot(p) for p in places], [[spot(p) for p in chain] for chain in chains], right - left, y - ROW)


def _layers(n: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    users: list[list[int]] = [[] for _ in range(n)]
    waiting = [0] * n
    for a, b in edges:
        users[a].append(b)
        waiting[b] += 1
    layer = [0] * n
    sources = [k for k in range(n) if not waiting[k]]
    ready = list(sources)
    for node in ready:  # grows as it is read
        for user in users[node]:
            layer[user] = max(layer[user], layer[node] + 1)
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    for node in sources:
        if users[node]:
            layer[node] = min(layer[user] for user in users[node]) - 1
    return layer


def _chain(start: _Place, end: _Place) -> list[_Place]:
    """Connect two places by way of a bend in each layer between them."""
    chain = [start, *(_Place(k, 4.0) for k in range(start.layer + 1, end.layer)), end]
    for a, b in pairwise(chain):
        a.below.append(b)
        b.above.append(a)
    return chain


def _order(layers: list[list[_Place]]) -> None:
    for row in layers:
        for k, place in enumerate(row):
            place.order = k
    for sweep in range(ORDERINGS):
        for row in layers if sweep % 2 == 0 else reversed(layers):
            wanted = {id(p): _mean([q.order for q in (p.above if sweep % 2 == 0 else p.below)], p.order) for p in row}
            row.sort(key=lambda p: wanted[id(p)])
            for k, place in enumerate(row):
                place.order = k


def _place(layers: list[list[_Place]]) -> None:
    for sweep in range(PLACEMENTS):
        for row in layers if sweep % 2 == 0 else reversed(layers):
            wanted = [_mean([q.x for q in (p.above if sweep % 2 == 0 else p.below)], p.x) for p in row]
            offsets, offset = [], 0.0
            for k, place in enumerate(row):
                offset += (row[k - 1].width + place.width) / 2 + GAP if k else 0.0
                offsets.append(offset)
            for place, x, offset in zip(row, _increasing([w - o for w, o in zip(wanted, offsets, strict=True)]), offsets, strict=True):
                place.x = x + offset


def _increasing(values: list[float]) -> list[float]:
    """Return the numbers nearest to ``values`` in the least squares that nowhere decrease (pool adjacent violators)."""
    pools: list[tuple[float, int]] = []  # sum and count
    for value in values:
        total, n = value, 1
        while pools and pools[-1][0] / pools[-1][1] > total / n:
            more, m = pools.pop()
            total, n = total + more, n + m
        pools.append((total, n))
    return [total / n for total, n in pools for _ in range(n)]


def _mean(values: list[float] | list[int], default: float) -> float:
    return sum(values) / len(values) if values else default
