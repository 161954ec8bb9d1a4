"""What stands for the parameters and options of an optimizer while its step is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from minigrad.optim.flat import Bucket


class RecordedBucket(Bucket):
    """A bucket whose arrays are traced and whose counts are live: the optimizer's own code runs on it unchanged."""

    def __init__(self, recorder: Any, bucket: Bucket, elementwise: bool) -> None:
        bucket.settle()
        self.recorder, self.bucket = recorder, bucket
        self.params, self.spans, self.places = bucket.params, bucket.spans, bucket.places
        self.values = recorder.lift(bucket.values)
        self.arrays = {name: recorder.lift(array) for name, array in bucket.arrays.items()}
        self.skipped = self._gradients = self._parts = None
        self._together = elementwise and bucket.together()
        counted = bucket.scalars[:1] if self._together else bucket.scalars
        self.scalars = [{name: recorder.live(Entry(s, (name,))) for name in s} for s in counted]
        if self._together:
            self.scalars += [{} for _ in bucket.scalars[1:]]

    def together(self) -> bool:
        return self._together

    def changed(self, numbers: Sequence[int] | None = None) -> None:
        """At each replay, write the counts back and tell the graph that the parameters were overwritten."""
        for k, scalars in enumerate(self.scalars[:1] if self._together else self.scalars):
            tables = self.bucket.scalars if self._together else [self.bucket.scalars[k]]
            for name, number in scalars.items():
                self.recorder.after(Store(tables, name), number)
        self.recorder.after(self.bucket.changed if numbers is None else partial(self.bucket.changed, numbers))


def live_options(recorder: Any, group: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a group, its numbers live."""
    return {name: _live(recorder, group, name, value) for name, value in group.items()}


def _live(recorder: Any, group: dict[str, Any], name: str, value: Any) -> Any:
    if isinstance(value, (bool, int, float)):
        return recorder.live(Entry(group, (name,)))
    if isinstance(value, tuple) and all(isinstance(part, (int, float)) for part in value):
        return tuple([recorder.live(Entry(group, (name, k))) for k in range(len(value))])
    return value


@dataclass(frozen=True, eq=False)
class Entry:
    """Reads a number: ``table[name]``, or a part of it."""

    table: dict[str, Any]
    keys: tuple[Any, ...]

    def __call__(self) -> Any:
        value: Any = self.table
        for key in self.keys:
            value = value[key]
        return value

    @property
    def __name__(self) -> str:
        return str(self.keys[0]) + "".join(f"[{key}]" for key in self.keys[1:])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entry) and other.table is self.table and other.keys == self.keys

    __hash__ = object.__hash__


@dataclass(frozen=True, eq=False)
class Store:
    """Writes a number into tables: ``table[key] = number``."""

    tables: list[dict[str, Any]]
    key: str

    def __call__(self, number: Any) -> None:
        for table in self.tables:
            table[self.key] = number

    @property
    def __name__(self) -> str:
        return f"store {self.key}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Store) and other.key == self.key and [*map(id, other.tables)] == [*map(id, self.tables)]

    __hash__ = object.__hash__
