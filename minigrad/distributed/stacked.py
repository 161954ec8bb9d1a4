"""Stacked: all ranks of a group in one process, as the last axis of every array."""

from __future__ import annotations

from typing import Any

from minigrad.backends import Array, namespace
from minigrad.distributed.group import Group


class Stacked(Group):
    """A group whose ranks lie along the last axis: rank r has ``x[..., r]``, and all of them compute at once.

    A collective is then an ordinary linear function of one array, whose Jacobian can be written down and whose formulas `gradcheck` can
    check: the derivative of a collective is that of the sum over the ranks of whatever each of them goes on to compute.

    Examples
    --------
    >>> x = np.array([[1.0, 10.0], [2.0, 20.0]])  # rank 0 has [1, 2], rank 1 has [10, 20]
    >>> Stacked(2).all_reduce(x)
    array([[11., 11.],
           [22., 22.]])
    """

    def __init__(self, size: int) -> None:
        super().__init__(0, size)

    def all_reduce(self, x: Array, op: str = "sum") -> Array:
        _check_ranks("all_reduce", x, self.size)
        return super().all_reduce(x, op)

    def all_gather(self, x: Array) -> Array:
        _check_ranks("all_gather", x, self.size)
        return super().all_gather(x)

    def reduce_scatter(self, x: Array) -> Array:
        _check_ranks("reduce_scatter", x, self.size)
        return super().reduce_scatter(x)

    def broadcast(self, x: Array, root: int = 0) -> Array:
        _check_ranks("broadcast", x, self.size)
        return super().broadcast(x, root)

    def reduce_to(self, x: Array, root: int = 0) -> Array:
        _check_ranks("reduce_to", x, self.size)
        self._check_root("reduce_to", root)
        result = namespace(x).zeros_like(x)
        result[..., root] = x.sum(axis=-1)
        return result

    def _reduce(self, x: Array, op: str) -> Array:
        return self._alike(getattr(namespace(x), op)(x, axis=-1, keepdims=True), x.shape)

    def _gather(self, x: Array) -> Array:
        return self._alike(namespace(x).moveaxis(x, -1, 0)[..., None], (self.size, *x.shape))

    def _scatter(self, x: Array) -> Array:
        return namespace(x).moveaxis(x.sum(axis=-1), 0, -1).copy()

    def _spread(self, x: Array, root: int) -> Array:
        return self._alike(x[..., root : root + 1], x.shape)

    def _alike(self, x: Array, shape: tuple[int, ...]) -> Array:
        return namespace(x).broadcast_to(x, shape).copy()

    def _ready(self, x: Array) -> Array:
        return x

    def _back(self, result: Array, like: Array) -> Array:
        return result

    def __repr__(self) -> str:
        return f"Stacked({self.size})"


def _check_ranks(name: str, x: Any, size: int) -> None:
    shape = getattr(x, "shape", ())
    if not shape or shape[-1] != size:
        raise ValueError(f"{name}: x has shape {shape}; its last axis must hold the {size} ranks of the stacked group")
