"""Optimizer steps on a GPU: one launch for all parameters of a group (of up to 64 at a time)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigrad.backends import BACKENDS
from minigrad.kernels.cuda.launch import REALS, blocks_for, contiguous, launch

TABLE = 64  #: parameters whose gradients one launch can be told of
GRADIENTS = np.dtype([("at", np.uint64, TABLE), ("first", np.int64, TABLE + 1), ("count", np.int32)], align=True)


def tables(bucket: Any) -> Iterator[tuple[Any, int, list[Any]]]:
    """Yield the struct that says where the gradients of up to 64 parameters are, how many elements they have, and the gradients."""
    for start in range(0, len(bucket.params), TABLE):
        params, spans = bucket.params[start : start + TABLE], bucket.spans[start : start + TABLE]
        kept = [contiguous(p.grad.data) for p in params]
        table = np.zeros(1, dtype=GRADIENTS)
        table["count"] = len(kept)
        table["at"][0, : len(kept)] = [g.data.ptr for g in kept]
        table["first"][0, : len(kept) + 1] = [span.start for span in spans] + [spans[-1].stop]
        yield table, spans[-1].stop - spans[0].start, kept


def handled(bucket: Any) -> bool:
    """Tell whether one update serves all parameters of a bucket, and the kernels know their type."""
    values = bucket.values
    return values.dtype.name in REALS and values.size > 0 and bucket.together() and all(p.grad.dtype == values.dtype for p in bucket.params)


def step(name: str, bucket: Any, arrays: tuple[Any, ...], numbers: Callable[[], tuple[float, ...]], constants: tuple[Any, ...]) -> None:
    """Launch an update of a bucket; ``numbers()`` are those that change from step to step."""
    backend = BACKENDS[bucket.values.__class__]
    recording = backend.capture  # type: ignore[attr-defined]
    live = recording.live(numbers) if recording is not None else None
    for table, size, kept in tables(bucket):
        args = (bucket.values, *arrays, table, live, *numbers(), *constants)
        launch(name, blocks_for(size), (256,), args, like=bucket.values)
        if recording is not None:
            recording.keep(*kept)


def sgd(optimizer: Any, bucket: Any, group: dict[str, Any]) -> bool:
    """Make a step of `minigrad.optim.SGD`; False if the plain form has to."""
    if not handled(bucket):
        return False
    scalars = _advance(optimizer, bucket, group)

    def numbers() -> tuple[float, float]:
        return group["lr"], 1 - group["dampening"] if scalars["step"] > 1 else 1

    sign = -1.0 if group["maximize"] else 1.0
    constants = (group["momentum"], group["weight_decay"], sign, group["nesterov"])
    step("mg_sgd", bucket, (bucket.arrays.get("momentum_buffer"),), numbers, constants)
    return True


def adam(optimizer: Any, bucket: Any, group: dict[str, Any]) -> bool:
    """Make a step of `minigrad.optim.Adam` or AdamW; False if the plain form has to."""
    if group["amsgrad"] or not handled(bucket):
        return False
    scalars = _advance(optimizer, bucket, group)
    beta1, beta2 = group["betas"]

    def numbers() -> tuple[float, float, float]:
        t = scalars["step"]
        return group["lr"], 1 - beta1**t, (1 - beta2**t) ** 0.5

    sign = -1.0 if group["maximize"] else 1.0
    constants = (beta1, beta2, group["eps"], group["weight_decay"], sign, group["decoupled_weight_decay"])
    step("mg_adam", bucket, (bucket.arrays["exp_avg"], bucket.arrays["exp_avg_sq"]), numbers, constants)
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
