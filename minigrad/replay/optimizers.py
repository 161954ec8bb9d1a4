"""What stands for the parameters and options of an optimizer while its step is recorded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from minigrad.optim.flat import Bucket


class RecordedBucket(Bucket):
    """A bucket whose arrays are traced and whose counts are live: the optimizer's own code runs on it unchanged."""

    def __init__(self, recorder: Any, bucket: Bucket, elementwise: bool) -> None:
        bucket.settle()
        self.recorder, self.bucket = recorder, bucket
        self.params, self.spans = bucket.params, bucket.spans
        self.values = recorder.lift(bucket.values)
        self.arrays = {name: recorder.lift(array) for name, array in bucket.arrays.items()}
        self.skipped = self._gradients = self._parts = None
        self._together = elementwise and bucket.together()
        counted = bucket.scalars[:1] if self._together else bucket.scalars
        self.scalars = [{name: recorder.live(_reading(name, s.__getitem__, name)) for name in s} for s in counted]
        if self._together:
            self.scalars += [{} for _ in bucket.scalars[1:]]

    def together(self) -> bool:
        return self._together

    def changed(self) -> None:
        """At each replay, write the counts back and tell the graph that the parameters were overwritten."""
        lasting = self.scalars[:1] if self._together else self.scalars
        numbers = [number for scalars in lasting for number in scalars.values()]
        targets = self.bucket.scalars
        self.recorder.after(_storing(targets, list(targets[0]), self._together, self.bucket.changed), *numbers)


def _storing(targets: list[dict[str, Any]], names: list[str], together: bool, changed: Callable[[], None]) -> Callable[..., None]:
    def store_counts(*numbers: Any) -> None:
        if together:
            values = dict(zip(names, numbers, strict=True))
            for target in targets:
                target.update(values)
        else:
            for k, target in enumerate(targets):
                target.update(zip(names, numbers[k * len(names) : (k + 1) * len(names)], strict=True))
        changed()

    return store_counts


def live_options(recorder: Any, group: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a group, its numbers live."""
    return {name: _live(recorder, group, name, value) for name, value in group.items()}


def _live(recorder: Any, group: dict[str, Any], name: str, value: Any) -> Any:
    if isinstance(value, (bool, int, float)):
        return recorder.live(_reading(name, group.__getitem__, name))
    if isinstance(value, tuple) and all(isinstance(part, (int, float)) for part in value):
        return tuple([recorder.live(_reading(f"{name}[{k}]", _part, group, name, k)) for k in range(len(value))])
    return value


def _part(group: dict[str, Any], name: str, k: int) -> Any:
    return group[name][k]


def _reading(name: str, function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    """Return a function that reads a number, with a name for the listing."""
    reading: Any = partial(function, *args)
    reading.__name__ = name
    return reading  # type: ignore[no-any-return]
