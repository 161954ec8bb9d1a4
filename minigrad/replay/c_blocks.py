"""Blocks: steps that go through the same rows together, so that a row is in the cache from its first use to its last.

Along some axis a step falls into independent pieces: rows of a matrix, columns of a batch, channels of an image. Steps that fall
into pieces of the same number, each of which touches of every array only its own part, are done piece by piece: all steps for the
first rows, then all for the next. What is needed only in between is one piece long. Sums over all pieces are complete after them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from minigrad.replay.c_groups import Group, reduced_axes, shape_of
from minigrad.replay.c_indexing import by_rows
from minigrad.replay.program import INPUT, STATE, Call, Ref, Storage, is_dense

LARGE = 1 << 17  #: bytes of an array from which going over it twice is worth avoiding
SMALL = 1 << 14  #: bytes of a result that may wait in the cache until it is used
PIECE = 1 << 12  #: bytes of the largest array that a piece takes at least
MOST = 1 << 18  #: and at most
RUN = 1 << 11  #: bytes that lie one after the other at least, where other pieces lie between: fewer cost a page each


def is_large(storage: Storage) -> bool:
    """Tell whether going over an array twice is worth avoiding."""
    return storage.nbytes >= LARGE


def is_small(storage: Storage) -> bool:
    """Tell whether a value may be made before it is needed."""
    return storage.nbytes <= SMALL


class Slice(NamedTuple):
    """What pieces touch of a storage: piece k the elements ``rest`` (strides and lengths) from ``low + k * stride`` on."""

    stride: int
    low: int
    high: int
    rest: tuple[tuple[int, int], ...]

    @property
    def is_columns(self) -> bool:
        """Whether other pieces lie between the elements of one."""
        return any(stride > self.stride for stride, _ in self.rest)


class Access(NamedTuple):
    """A place that a step uses, and which of its axes is cut; None where all pieces use the whole of it."""

    ref: Ref
    axis: int | None
    writes: bool = False
    moves: bool = True  #: whether each piece has its own part; otherwise all have the first

    @property
    def slice(self) -> Slice | None:
        """What a piece touches of it."""
        ref, axis = self.ref, self.axis
        if axis is None or not self.moves or min(ref.strides) < 0 or not ref.strides[axis]:
            return None
        rest: list[tuple[int, int]] = []
        for stride, n in sorted((s, n) for k, (s, n) in enumerate(zip(ref.strides, ref.shape, strict=True)) if k != axis and n > 1 and s):
            if rest and stride == rest[-1][0] * rest[-1][1]:
                rest[-1] = rest[-1][0], rest[-1][1] * n
            else:
                rest.append((stride, n))
        high = ref.offset + sum((n - 1) * stride for stride, n in rest) + ref.dtype.itemsize
        return Slice(ref.strides[axis], ref.offset, high, tuple(rest))


def accesses(calls: Iterable[Call], axis: int) -> Iterator[Access]:
    """Yield what the calls of a step use, cut along an axis of the step."""
    for call in calls:
        rank = len(shape_of(call))
        for ref in call.reads:
            k = axis - rank + len(ref.shape)
            yield Access(ref, k if k >= 0 and ref.shape[k] != 1 else None)
        if call.kind == "reduce":
            out, axes = call.outs[0], reduced_axes(call)
            k = axis if len(out.shape) == rank else axis - sum(a < axis for a in axes)
            yield Access(out, None if axis in axes else k, writes=True)
        else:
            yield from (Access(out, axis, writes=True) for out in call.results)


@dataclass
class Cut:
    """One way to do steps by pieces.

    Attributes
    ----------
    length
        Number of pieces of one row, column or channel.
    places
        What each step uses.
    axes
        The axis that is cut, of each step.
    """

    length: int
    places: list[list[Access]]
    axes: list[int]
    slices: dict[Storage, list[Slice | None]] = field(default_factory=dict)
    written: set[Storage] = field(default_factory=set)
    summed: set[Storage] = field(default_factory=set)

    @classmethod
    def of(cls, length: int, axis: int, places: list[Access]) -> Cut | None:
        """Cut one step; None if its pieces depend on each other."""
        cut = cls(length, [places], [axis])
        for access in places:
            cut.slices.setdefault(access.ref.storage, []).append(access.slice)
            if access.writes:
                cut.written.add(access.ref.storage)
                if access.axis is None:
                    cut.summed.add(access.ref.storage)
                elif not is_dense(access.ref):
                    return None
        return cut if cut._holds() else None

    def with_(self, other: Cut) -> Cut | None:
        """Return both, one after the other in each piece; None if that cannot be."""
        if self.length != other.length or self.summed & other.slices.keys() or other.summed & self.slices.keys():
            return None
        slices = {s: [*self.slices.get(s, ()), *other.slices.get(s, ())] for s in [*self.slices, *other.slices]}
        places, axes = [*self.places, *other.places], [*self.axes, *other.axes]
        both = Cut(self.length, places, axes, slices, self.written | other.written, self.summed | other.summed)
        return both if both._holds() else None

    def _holds(self) -> bool:
        return all(_apart(self.slices[storage]) for storage in self.written - self.summed)

    @cached_property
    def chunk(self) -> int | None:
        """How many rows make a good piece; None if there is no good number."""
        cut = {access.ref for places in self.places for access in places if access.axis is not None}
        largest = max(ref.size * ref.dtype.itemsize for ref in cut)
        runs = {s.stride for slices in self.slices.values() for s in slices if s is not None and s.is_columns}
        for n in range(1, self.length // 2 + 1):
            size = largest * n // self.length
            if self.length % n == 0 and size >= PIECE and all(n * run >= RUN for run in runs):
                return n if size <= MOST else None
        return None


def _apart(slices: list[Slice | None]) -> bool:
    """Tell whether pieces touch different parts of a storage that is written."""
    first = slices[0]
    known = [s for s in slices if s is not None]
    if first is None or len(known) < len(slices):
        return False
    if all(s == first for s in known):
        return True
    return all(s.stride == first.stride for s in known) and max(s.high for s in known) - min(s.low for s in known) <= first.stride


def cuts(calls: list[Call], group: Group | None) -> list[Cut]:
    """Return the ways to do a step by pieces."""
    if group is None:
        found = by_rows(calls[0])
        one = None if found is None else Cut.of(found[0], 0, [Access(*access) for access in found[1]])
        return [] if one is None else [one]
    each = [Cut.of(n, axis, list(accesses(calls, axis))) for axis, n in enumerate(group.shape) if n > 1]
    return [cut for cut in each if cut is not None]


def changes_state(calls: Iterable[Call]) -> bool:
    """Tell whether calls write what lives outside of the step."""
    return any(ref.storage.kind in (STATE, INPUT) for call in calls for ref in call.results)
