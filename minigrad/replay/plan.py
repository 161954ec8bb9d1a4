"""Where in one arena the values of a program live: each from the call that makes it to the last that reads it."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from minigrad.replay.program import VALUE, Call, Ref, Storage

ALIGNMENT = 64  #: bytes: a cache line, and what vector instructions like best
WORTH_SHARING = 1 << 16  #: bytes from which a result takes over the memory of an operand that ends with it


@dataclass(frozen=True)
class Plan:
    """Where each value lives, as an offset into the arena."""

    offsets: dict[Storage, int]
    size: int  #: of the arena, in bytes
    total: int  #: what the values would take, each in memory of its own

    def __str__(self) -> str:
        share = f", {self.size / self.total:.0%} of what they take one beside the other" if self.total else ""
        return f"{self.size:,} bytes for {len(self.offsets)} values{share}"


def planned(
    calls: list[Call], outputs: Iterable[Ref], skip: Iterable[Storage] = (), sizes: Mapping[Storage, int] = MappingProxyType({})
) -> Plan:
    """Plan the memory of all values but those in ``skip``; ``sizes`` has those that need fewer bytes than they have."""
    life: dict[Storage, list[int]] = {}
    for k, call in enumerate(calls):
        for ref in [*call.reads, *call.results]:
            if ref.storage.kind == VALUE:
                life.setdefault(ref.storage, [k, k])[1] = k
    for ref in outputs:
        if ref.storage in life:
            life[ref.storage][1] = len(calls)
    for storage in skip:
        life.pop(storage, None)
    ends: dict[int, list[Storage]] = {}
    for storage, (_, last) in life.items():
        ends.setdefault(last, []).append(storage)
    arena = _Arena()
    offsets: dict[Storage, int] = {}
    given: set[Storage] = set()
    for k, call in enumerate(calls):
        for ref in [*call.results, *call.reads]:
            storage = ref.storage
            if storage not in life or storage in offsets:
                continue
            giver = _ending_operand(call, ref, life, k) if ref in call.outs else None
            if giver is not None and giver not in given and giver in offsets:
                offsets[storage] = offsets[giver]
                given.add(giver)
            else:
                offsets[storage] = arena.take(_rounded(sizes.get(storage, storage.nbytes)))
        for storage in ends.get(k, ()):
            if storage not in given:
                arena.give_back(offsets[storage], _rounded(sizes.get(storage, storage.nbytes)))
    return Plan(offsets, arena.top, sum(_rounded(storage.nbytes) for storage in life))


def _ending_operand(call: Call, out: Ref, life: dict[Storage, list[int]], k: int) -> Storage | None:
    """Return an operand of the layout of ``out`` that is not read after this call, whose memory the result may take over."""
    elementwise = call.kind == "ufunc" and getattr(call.function, "signature", None) is None
    if not elementwise or out.storage.nbytes < WORTH_SHARING or not out.covers:
        return None
    reads = call.reads
    for ref in reads:
        same = ref.covers and (ref.shape, ref.strides, ref.dtype) == (out.shape, out.strides, out.dtype)
        alone = all(other == ref for other in reads if other.storage is ref.storage)
        if same and alone and ref.storage.kind == VALUE and life.get(ref.storage, [0, -1])[1] == k and life[out.storage][0] == k:
            return ref.storage
    return None


def _rounded(nbytes: int) -> int:
    return max(-(-nbytes // ALIGNMENT), 1) * ALIGNMENT


class _Arena:
    """Memory in use and free blocks between; neighbours that are free become one."""

    def __init__(self) -> None:
        self.top = 0
        self._free: list[tuple[int, int]] = []  # offset, size

    def take(self, size: int) -> int:
        """Return the offset of the smallest free block that is large enough, or of new memory at the top."""
        fitting = [(n, at) for at, n in self._free if n >= size]
        if fitting:
            n, at = min(fitting)
            self._free.remove((at, n))
            if n > size:
                insort(self._free, (at + size, n - size))
            return at
        if self._free and sum(self._free[-1]) == self.top:  # the last free block grows
            at, _ = self._free.pop()
        else:
            at = self.top
        self.top = at + size
        return at

    def give_back(self, at: int, size: int) -> None:
        """Note that a block is free."""
        insort(self._free, (at, size))
        k = self._free.index((at, size))
        if k + 1 < len(self._free) and self._free[k + 1][0] == at + size:
            size += self._free.pop(k + 1)[1]
            self._free[k] = (at, size)
        if k and sum(self._free[k - 1]) == at:
            before, n = self._free.pop(k - 1)
            self._free[k - 1] = (before, n + size)
