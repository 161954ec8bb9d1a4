"""Flat buffers: the parameters of a group as one long array, so that a step is a few vector operations.

An optimizer's formula is elementwise, so it does not matter where one parameter ends and the next begins. A `Bucket`
moves the parameters of one dtype and device into one buffer; each parameter's array becomes a view of its part. What
the optimizer remembers (momentum and the like) is kept in buffers, too, most of them of the same layout.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from operator import is_
from sys import getrefcount
from typing import Any

from minigrad.backends import Array, kind_of, namespace
from minigrad.core.device import to_host
from minigrad.core.graph import changed_in_place
from minigrad.core.mode import mode
from minigrad.core.tensor import Tensor

UNSHARED = 2  #: references to a part that only its bucket holds, counting the argument of getrefcount
Shape = tuple[int, ...]
BLOCK_BYTES = 2**18  #: of a buffer worked on at a time on the CPU: a handful of such blocks stay in the cache


class Bucket:
    """Parameters of one dtype and device, end to end in one buffer.

    Parameters
    ----------
    params
        Leaf tensors; their arrays are replaced by views of the buffer.
    slots
        What the optimizer remembers in arrays: name -> initial value.
    scalars
        What it remembers for each parameter: name -> initial value.
    shape_of
        The shape of what is remembered under a name for a parameter of a shape; None where there is nothing.
    """

    def __init__(
        self, params: list[Tensor], slots: dict[str, float], scalars: dict[str, Any], shape_of: Callable[[str, Shape], Shape | None]
    ) -> None:
        self.params, self.shape_of = params, shape_of
        self.spans = _end_to_end([p.shape for p in params])
        self.values = namespace(params[0].data).empty(self.spans[-1].stop, dtype=params[0].dtype)
        self.arrays: dict[str, Array] = {}
        self.places: dict[
            str, list[tuple[slice, Shape | None]]
        ] = {}  #: name -> where in its array each parameter's part lies, and its shape
        for name, initial in slots.items():
            self.remember(name, initial)
        self.scalars = [dict(scalars) for _ in params]
        self.skipped: Array | None = None  #: on a GPU with a gradient scaler: steps that were counted but left out
        self._gradients: Array | None = None
        self._parts: list[Array] | None = None  # of the buffer of gradients, where somebody puts them there
        self.parts: list[Array] = [None] * len(params)  #: of the buffer, each the array of a parameter
        self.adopt()

    def adopt(self) -> None:
        """Make every parameter's array its part of the buffer, if it is not; take over its values."""
        others = []
        for i, p in enumerate(self.params):
            if p.data is not self.parts[i]:
                others.append(i)
        if not others:
            return
        for i in others:
            p, n = self.params[i], self.spans[i].stop - self.spans[i].start
            if p.data.__class__ is not self.values.__class__ or p.dtype != self.values.dtype or p.size != n:
                raise RuntimeError(
                    f"a parameter became {p.dtype}{list(p.shape)} on {p.device} after the optimizer's first step; "
                    "make the optimizer after moving the model"
                )
        if any(self.parts[i] is not None and getrefcount(self.parts[i]) > UNSHARED for i in others):
            self.values = namespace(self.values).empty_like(self.values)  # the old memory belongs to whoever was given it
            others = list(range(len(self.params)))
        for i in others:
            array = self.params[i].data
            self.values[self.spans[i]] = array.reshape(-1)
            self.parts[i] = self.params[i].data = self.values[self.spans[i]].reshape(array.shape)

    def remember(self, name: str, initial: float) -> None:
        """Make the memory for one more slot."""
        shapes = [self.shape_of(name, p.shape) for p in self.params]
        self.places[name] = list(zip(_end_to_end(shapes), shapes, strict=True))
        self.arrays[name] = namespace(self.values).full(self.places[name][-1][0].stop, initial, dtype=self.values.dtype)

    def remembered(self, i: int) -> dict[str, Array]:
        """Return what is remembered for parameter ``i``: in its shape, sharing memory."""
        found = {}
        for name, array in self.arrays.items():
            span, shape = self.places[name][i]
            if shape is not None:
                found[name] = array[span].reshape(shape)
        return found

    def changed(self, numbers: Sequence[int] | None = None) -> None:
        """Tell the graph that parameters with these numbers were overwritten; all of them if None are given."""
        for array in [self.values] if numbers is None else [self.parts[i] for i in numbers]:
            changed_in_place(array)

    def settle(self) -> None:
        """Take steps that were left out off the counts; where there may be some, this waits for the device."""
        if self.skipped is not None:
            left_out = int(to_host(self.skipped)[0])
            self.skipped.fill(0)
            for scalars in self.scalars:
                scalars["step"] -= left_out

    def together(self) -> bool:
        """Whether all parameters have a gradient and have had the same steps, so that one update serves all."""
        first = self.scalars[0]
        return all(p.grad is not None for p in self.params) and all(s == first for s in self.scalars)

    def gradients(self) -> Array:
        """Return the gradients end to end."""
        recorder = mode.get().recorder
        grads = [p.grad.data if recorder is None else recorder.lift(p.grad.data) for p in self.params if p.grad is not None]
        if len(grads) == 1:
            return grads[0].reshape(-1)
        if self._parts is not None and all(map(is_, grads, self._parts)):  # they are end to end already
            return self._gradients
        xp = namespace(self.values)
        if self._gradients is None:
            self._gradients = xp.empty_like(self.values)
        return xp.concatenate([g.reshape(-1) for g in grads], out=self._gradients)

    def gradient_buffer(self, more: int) -> tuple[Array, list[Array]]:
        """Return memory for the gradients end to end and ``more`` numbers, and the part of each parameter, in its shape.

        Where the gradients are these parts, a step reads them without copying. For `minigrad.distributed`, which sends them.
        """
        if self._parts is None:
            self._sent = namespace(self.values).empty(self.values.size + more, dtype=self.values.dtype)
            self._gradients = self._sent[: self.values.size]
            self._parts = [self._gradients[span].reshape(p.shape) for p, span in zip(self.params, self.spans, strict=True)]
        return self._sent, self._parts


def _end_to_end(shapes: Sequence[Shape | None]) -> list[slice]:
    """Return where in a flat buffer each of some arrays lies."""
    ends = [0]
    for shape in shapes:
        ends.append(ends[-1] + (0 if shape is None else math.prod(shape)))
    return [slice(a, b) for a, b in pairwise(ends)]


def blocks(array: Array) -> Iterator[slice]:
    """Cut a flat array into parts that fit the cache; on a GPU, where each part costs a launch, or for one loop in C, into one."""
    size, recorder = array.size, mode.get().recorder
    whole = kind_of(array) != "cpu" or (recorder is not None and recorder.fuses)
    step = max(size if whole else BLOCK_BYTES // array.dtype.itemsize, 1)
    for start in range(0, size, step):
        yield slice(start, min(start + step, size))
