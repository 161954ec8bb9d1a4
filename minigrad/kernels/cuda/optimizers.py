"""Optimizer steps on a GPU: one launch for all parameters of a group (of up to 64 at a time)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from minigrad.backends import BACKENDS, Array
from minigrad.kernels.cuda.launch import REALS, blocks_for, contiguous, launch

TABLE = 64  #: parameters whose gradients one launch can be told of
PARTS = 264  #: blocks that add up squares, at most: two for each multiprocessor of a large GPU
GRADIENTS = np.dtype([("at", np.uint64, TABLE), ("first", np.int64, TABLE + 1), ("count", np.int32)], align=True)


def tables(gradients: list[Array], starts: list[int]) -> Iterator[tuple[Any, int, list[Array]]]:
    """Yield the struct that says where up to 64 gradients are, how many elements they have, and the gradients.

    ``starts`` says where each begins in the buffer of parameters, and where the last ends.
    """
    for k in range(0, len(gradients), TABLE):
        kept = [contiguous(g) for g in gradients[k : k + TABLE]]
        table = np.zeros(1, dtype=GRADIENTS)
        table["count"] = len(kept)
        table["at"][0, : len(kept)] = [g.data.ptr for g in kept]
        table["first"][0, : len(kept) + 1] = starts[k : k + TABLE + 1]
        yield table, starts[min(k + TABLE, len(gradients))] - starts[k], kept


def handled(bucket: Any) -> bool:
    """Tell whether one update serves all parameters of a bucket, and the kernels know their type."""
    values = bucket.values
    return values.dtype.name in REALS and values.size > 0 and bucket.together() and all(p.grad.dtype == values.dtype for p in bucket.params)


def step(name: str, bucket: Any, arrays: tuple[Array, ...], numbers: Numbers, constants: tuple[Any, ...], found: Array | None) -> None:
    """Launch an update of a bucket, which does nothing where ``found`` holds something else than 0."""
    recording = BACKENDS[bucket.values.__class__].capture  # type: ignore[attr-defined]
    if found is not None or bucket.skipped is not None:
        live = _counted(bucket, numbers, found)
    else:
        live = recording.live(numbers) if recording is not None else None
    starts = [span.start for span in bucket.spans] + [bucket.spans[-1].stop]
    for table, size, kept in tables([p.grad.data for p in bucket.params], starts):
        args = (bucket.values, *arrays, table, live, found, *numbers(), *constants)
        launch(name, blocks_for(size), (256,), args, like=bucket.values)
        if recording is not None:
            recording.keep(*kept)


def _counted(bucket: Any, numbers: Numbers, found: Array | None) -> Array:
    """Return the numbers of a step that may be left out: the device counts those that were, as only it knows."""
    backend: Any = BACKENDS[bucket.values.__class__]
    if bucket.skipped is None:
        backend.must_not_record("an optimizer meets a gradient scaler")
        bucket.skipped = backend.xp.zeros(1, dtype=np.int64)
    place = backend.xp.empty(3, dtype=np.float64)
    live = backend.capture.live(numbers.by_count) if backend.capture is not None else None
    args = (place, bucket.skipped, live, found, *numbers.by_count(), numbers.beta1, numbers.beta2, numbers.adam)
    launch("mg_step_numbers", (1,), (1,), args, like=bucket.values)
    return place


@dataclass(frozen=True)
class Numbers:
    """What changes from step to step: the learning rate, and what follows from the number of steps."""

    group: dict[str, Any]
    scalars: dict[str, Any]
    adam: bool

    @property
    def beta1(self) -> float:
        """Of Adam; of SGD what counts of a gradient after the first."""
        return float(self.group["betas"][0] if self.adam else 1 - self.group["dampening"])

    @property
    def beta2(self) -> float:
        """Of Adam."""
        return float(self.group["betas"][1] if self.adam else 0)

    def by_count(self) -> tuple[float, float]:
        """Return the learning rate and the number of the step."""
        return self.group["lr"], self.scalars["step"]

    def __call__(self) -> tuple[float, ...]:
        """Return the numbers that the kernel takes."""
        rate, t = self.by_count()
        if self.adam:
            return rate, 1 - self.beta1**t, (1 - self.beta2**t) ** 0.5
        return rate, self.beta1 if t > 1 else 1


def sgd(optimizer: Any, bucket: Any, group: dict[str, Any], found: Array | None = None) -> bool:
    """Make a step of `minigrad.optim.SGD`; False if the plain form has to."""
    if not handled(bucket):
        return False
    numbers = Numbers(group, _advance(optimizer, bucket, group), adam=False)
    constants = (group["momentum"], group["weight_decay"], -1.0 if group["maximize"] else 1.0, group["nesterov"])
    step("mg_sgd", bucket, (bucket.arrays.get("momentum_buffer"),), numbers, constants, found)
    return True


def adam(optimizer: Any, bucket: Any, group: dict[str, Any], found: Array | None = None) -> bool:
    """Make a step of `minigrad.optim.Adam` or AdamW; False if the plain form has to."""
    if group["amsgrad"] or not handled(bucket):
        return False
    numbers = Numbers(group, _advance(optimizer, bucket, group), adam=True)
    sign = -1.0 if group["maximize"] else 1.0
    constants = (*group["betas"], group["eps"], group["weight_decay"], sign, group["decoupled_weight_decay"])
    step("mg_adam", bucket, (bucket.arrays["exp_avg"], bucket.arrays["exp_avg_sq"]), numbers, constants, found)
    return True


def clip_norm(gradients: list[Array], most: float) -> Array:
    """Scale gradients in place so that their joint norm is at most ``most``; return the norm, NotImplemented for what is not handled."""
    first = gradients[0]
    if first.dtype.name not in REALS or any(g.dtype != first.dtype or not g.flags.c_contiguous for g in gradients):
        return NotImplemented
    gradients = [g for g in gradients if g.size]
    xp = BACKENDS[first.__class__].xp
    spread = list(tables(gradients, list(accumulate((g.size for g in gradients), initial=0))))
    if not spread:
        return NotImplemented
    grid = blocks_for(max(size for _, size, _ in spread), most=PARTS)
    parts, norm = xp.empty((len(spread), *grid), dtype=np.float64), xp.empty((), dtype=first.dtype)
    for (table, _, _), part in zip(spread, parts, strict=True):
        launch("mg_square_sums", grid, (1, 256), (table, part), like=first, shared=8 * 256)
    for table, size, _ in spread:
        launch("mg_clip", blocks_for(size), (1, 256), (table, parts, norm, parts.size, most), like=first, shared=8 * 256)
    return norm


def step_unless(optimizer: Any, found: Array) -> bool:
    """Make a step of an optimizer that does nothing if ``found``, on the device, is not 0; False if there is no such form."""
    make = STEPS.get(optimizer.name) if type(optimizer).__module__.startswith("minigrad.optim.") else None
    buckets = [(bucket, group) for k, group in enumerate(optimizer.param_groups) for bucket in optimizer._buckets_of(k)]
    if make is None or not all(handled(bucket) and not group.get("amsgrad") for bucket, group in buckets):
        return False
    for bucket, group in buckets:
        bucket.adopt()
        make(optimizer, bucket, group, found)
        bucket.changed()
    return True


def _advance(optimizer: Any, bucket: Any, group: dict[str, Any]) -> dict[str, Any]:
    """Count a step for every parameter, now and at each replay of a captured step; return the scalars of the first."""
    first: dict[str, Any] = bucket.scalars[0]

    def advance() -> None:
        optimizer.advance(first, group)
        for other in bucket.scalars[1:]:
            other.update(first)

    before = [dict(scalars) for scalars in bucket.scalars]

    def undo() -> None:
        for scalars, old in zip(bucket.scalars, before, strict=True):
            scalars.update(old)

    advance()
    recording = BACKENDS[bucket.values.__class__].capture  # type: ignore[attr-defined]
    if recording is not None:
        recording.at_replay(advance, undo)
        recording.at_replay(bucket.changed)
    return first


#: by name of the optimizer's class, for `minigrad.optim.optimizer`
STEPS = {"SGD": sgd, "Adam": adam, "AdamW": adam}
