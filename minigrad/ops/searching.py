"""Where something is, and what is there: positions in sorted arrays, positions of what is not zero, distinct elements.

No result has a gradient. How many distinct elements there are is known only when their values are, so these functions wait
for a device, and a captured step refuses them.
"""

from __future__ import annotations

from typing import NamedTuple

from minigrad.backends import Array, Namespace, namespace
from minigrad.core.op import op
from minigrad.core.tensor import Tensor, array_of, wrap
from minigrad.ops.indexing import nonzero
from minigrad.ops.joining import stack

__all__ = ["argwhere", "searchsorted", "unique_all", "unique_counts", "unique_inverse", "unique_values"]


@op
def searchsorted(xp: Namespace, a: Array, b: Array, *, side: str = "left") -> Array:
    """Where to put each element of b so that the sorted a stays sorted: before its equals, or behind them with ``side="right"``.

    Raises
    ------
    ValueError
        If a is not 1-d, or the side is another word.
    """
    if a.ndim != 1:
        raise ValueError(f"searchsorted: a has shape {a.shape}; expected one axis, sorted")
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side is {side!r}; expected 'left' or 'right'")
    return xp.searchsorted(a, xp.asarray(b), side=side)


searchsorted.nondiff(a="the result is positions", b="the result is positions")


def argwhere(x: Array) -> Tensor:
    """Positions of the elements that are not zero, a row for each: int64 of shape (how many, ndim)."""
    if not x.ndim:
        raise ValueError("argwhere: x has no axis, so that there is no position in it")
    return stack(nonzero(x), axis=1)


class UniqueAll(NamedTuple):
    """What `unique_all` returns."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What `unique_counts` returns."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What `unique_inverse` returns."""

    values: Tensor
    inverse_indices: Tensor


def unique_all(x: Array) -> UniqueAll:
    """The distinct elements of x, sorted; where each is first found, which of them each element is, how often each comes.

    As the array API standard has it, nan is not equal to nan: each one is an element of its own.
    """
    array = array_of(x)
    xp = namespace(array)
    values, indices, inverse, counts = xp.unique(
        array, return_index=True, return_inverse=True, return_counts=True, **({"equal_nan": False} if array.dtype.kind == "f" else {})
    )
    found = (values, indices, inverse.reshape(array.shape), counts)
    return UniqueAll(*[wrap(part, None) if isinstance(x, Tensor) else part for part in found])


def unique_counts(x: Array) -> UniqueCounts:
    """The distinct elements of x, sorted, and how often each comes."""
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Array) -> UniqueInverse:
    """The distinct elements of x, sorted, and which of them each element of x is."""
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Array) -> Tensor:
    """The distinct elements of x, sorted."""
    return unique_all(x).values
