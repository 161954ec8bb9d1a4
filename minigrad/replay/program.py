"""What a recorded step is made of: memory, places in it, and calls.  (Read this first in replay/.)

A program is a list of `Call`, in the order in which the step made them. Arguments and results are places (`Ref`): where in
which memory (`Storage`), of which shape, strides and dtype. Views need no calls: the transpose of a matrix is another
place in the same memory. Numbers that change from step to step, such as a learning rate, are `Live`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

STATE, CONSTANT, INPUT, VALUE, FRESH = "state", "constant", "input", "value", "fresh"
JOINED = "joined"  #: not memory of its own, but several places end to end


class Storage:
    """A piece of memory.

    Its ``kind`` says whose it is: ``state`` lives outside of the step (a parameter, a running mean), ``constant`` never
    changes, ``input`` holds an argument, ``value`` is planned memory of the program, and ``fresh`` is memory that a call
    allocates anew each time.
    """

    __slots__ = ("array", "kind", "nbytes")

    def __init__(self, kind: str, nbytes: int, array: Any = None) -> None:
        self.kind, self.nbytes = kind, nbytes
        self.array = array  #: of state and constants: the memory itself; of what is joined, the places


class Ref(NamedTuple):
    """A place: part of a storage, seen with a shape, strides (in bytes) and a dtype."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Number of elements."""
        n = 1
        for length in self.shape:
            n *= length
        return n

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements lie one after the other, in C order."""
        step = self.dtype.itemsize
        for length, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if length != 1 and stride != step:
                return self.size == 0
            step *= length
        return True

    @property
    def covers(self) -> bool:
        """Whether the place is all of its storage, each byte once."""
        return self.offset == 0 and self.size * self.dtype.itemsize == self.storage.nbytes and is_dense(self)

    def inside(self, storage: Storage, offset: int = 0) -> Ref:
        """Return the same place in another storage, which begins ``offset`` bytes before this one's."""
        return self._replace(storage=storage, offset=self.offset + offset)


def is_dense(ref: Ref) -> bool:
    """Tell whether a place has no gaps and no element twice."""
    step = ref.dtype.itemsize
    for stride, length in sorted((s, n) for s, n in zip(ref.strides, ref.shape, strict=True) if n != 1):
        if stride != step:
            return ref.size == 0
        step *= length
    return True


class Live:
    """A number that changes from step to step. What is computed from it is recorded, too."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Origin(NamedTuple):
    """Where in the step a call comes from."""

    phase: str = "forward"  #: "forward", "backward" or "update"
    op: str = ""
    formula: str = ""  #: the formula whose call this is, such as "g * y"
    layer: str = ""
    line: str = ""  #: file and line of the user's that applied the op


NOWHERE = Origin()


@dataclass(eq=False)
class Call:
    """One call of the step.

    ========== =====================================================================================================
    kind       what is done
    ========== =====================================================================================================
    ufunc      ``function(*args, out=out)``, element by element, or a product of matrices
    reduce     ``function.reduce(args[0], axis, dtype, out, keepdims)``
    copy       ``out[...] = args[0]``, cast to the dtype of out
    where      ``out[...] = where(*args)``
    into       ``function(*args, out=out, **kwargs)``, where function is no ufunc
    call       ``outs = function(*args, **kwargs)``, in memory that the function allocates
    box        the same: a kernel, or another function that is not looked into. It may write into its arguments
    host       ``live = function(*args)`` in Python's numbers
    guard      the program holds only while ``bool(args[0])`` is ``args[1]``
    ========== =====================================================================================================
    """

    kind: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    outs: list[Any] = field(default_factory=list)  #: places, or the live number of a host call; None for a result of None
    writes: list[Ref] = field(default_factory=list)  #: arguments that the call overwrites
    several: bool = False  #: whether the function returns a tuple
    effect: bool = False  #: whether the call must be made although nobody reads its results
    origin: Origin = NOWHERE

    @property
    def reads(self) -> list[Ref]:
        """The places it reads."""
        refs = [value for value in leaves((self.args, self.kwargs)) if isinstance(value, Ref)]
        return refs + [part for ref in refs if ref.storage.kind == JOINED for part in ref.storage.array]

    @property
    def results(self) -> list[Ref]:
        """The places it writes."""
        return [out for out in self.outs if isinstance(out, Ref)] + self.writes

    @property
    def name(self) -> str:
        """What is called, in a word."""
        if self.kind in ("copy", "where", "guard"):
            return self.kind
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return {"add": "sum", "maximum": "max", "minimum": "min", "multiply": "prod"}.get(name, name) if self.kind == "reduce" else name


def leaves(value: Any) -> Iterator[Any]:
    """Yield what stands in nested tuples, lists, dicts and slices."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, slice):
        yield from (value.start, value.stop, value.step)
    else:
        yield value


def changed(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return nested tuples, lists and dicts with every leaf changed."""
    if isinstance(value, Ref):
        return change(value)
    if type(value) in (tuple, list):
        return type(value)([changed(item, change) for item in value])
    if type(value) is dict:
        return {key: changed(item, change) for key, item in value.items()}
    return change(value)


def relocated(calls: Iterable[Call], move: Callable[[Any], Any]) -> list[Call]:
    """Return calls with ``move`` applied to every argument and place."""
    return [
        replace(
            call,
            args=changed(call.args, move),
            kwargs=changed(call.kwargs, move),
            outs=[move(out) for out in call.outs],
            writes=[move(ref) for ref in call.writes],
        )
        for call in calls
    ]


def array_at(memory: Any, ref: Ref) -> Any:
    """Return the array that stands at a place of ``memory``, an array that holds the storage."""
    address, read_only = memory.__array_interface__["data"]
    return _at_address(address + ref.offset, ref, memory, read_only)


class _Memory:
    """Tells NumPy where an array lies, and keeps the memory alive."""

    def __init__(self, interface: dict[str, Any], keep: Any) -> None:
        self.__array_interface__, self.keep = interface, keep


def _at_address(address: int, ref: Ref, keep: Any, read_only: bool) -> Any:
    interface = {"data": (address, read_only), "shape": ref.shape, "strides": ref.strides, "typestr": ref.dtype.str, "version": 3}
    return np.asarray(_Memory(interface, keep))
