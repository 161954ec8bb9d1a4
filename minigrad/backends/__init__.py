"""What differs between NumPy and CuPy, and nothing else.

An op never asks which library it runs on. It is given ``xp``, the module whose arrays came in: `XP` maps the class of
an array to that module. NumPy stands in the table from the start; `minigrad.backends.cuda` adds CuPy when a CUDA
device is first asked for. What the two libraries do differently beyond their modules (moving data, counting devices,
functions that one of them lacks) is the business of a `Backend`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import numpy as np

Array: TypeAlias = Any  #: an array of NumPy or CuPy, or a Tensor where a formula runs on Tensors; the three share no base class
Namespace: TypeAlias = Any  #: the module ``numpy`` or ``cupy``
DType: TypeAlias = "np.dtype[Any] | type[Any] | str"  #: whatever ``np.dtype`` takes


class DeviceUnavailableError(RuntimeError):
    """A device was asked for that this machine does not offer."""


class CaptureError(RuntimeError):
    """A step did something that cannot be captured."""


class Backend(Protocol):
    """One library of arrays and the devices it reaches."""

    kind: str  #: "cpu" or "cuda": the first part of a device's name
    array_type: type
    xp: Namespace
    services: dict[str, Any]  #: what it does in one launch that is no op, by name: a step of Adam, clipping by norm, random bits

    def device_index(self, array: Array) -> int:
        """Return the number of the device that holds ``array``."""
        ...

    def device_count(self) -> int:
        """Return how many devices there are."""
        ...

    def from_host(self, array: np.ndarray[Any, Any], index: int) -> Array:
        """Copy a NumPy array to device ``index``."""
        ...

    def to_host(self, array: Array) -> np.ndarray[Any, Any]:
        """Return the values as a NumPy array, waiting until they are computed."""
        ...


class Cpu:
    """NumPy on the host."""

    kind: str = "cpu"
    array_type: type = np.ndarray
    xp: Namespace = np

    def __init__(self) -> None:
        self.services: dict[str, Any] = {}

    def device_index(self, array: Array) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def from_host(self, array: np.ndarray[Any, Any], index: int) -> Array:
        return array

    def to_host(self, array: Array) -> np.ndarray[Any, Any]:
        return np.asarray(array)


#: class of an array -> its module, and -> its backend. NumPy's scalars count: ``array.sum()`` returns one.
XP: dict[Any, Namespace] = {}
BACKENDS: dict[type, Backend] = {}
KINDS: set[str] = set()  #: of devices whose arrays there may be: while it is one, no op need look for mixtures


#: kind of device -> what loads its backend when it is first asked for, and what says, without loading it, whether it is there
LOADERS: dict[str, tuple[Callable[[], Backend], Callable[[], bool]]] = {}


def register(backend: Backend) -> None:
    """Let ops run on the arrays of ``backend``."""
    XP[backend.array_type] = backend.xp
    BACKENDS[backend.array_type] = backend
    KINDS.add(backend.kind)


register(Cpu())
for _scalar in set(np.sctypeDict.values()):
    XP[_scalar], BACKENDS[_scalar] = np, BACKENDS[np.ndarray]


def namespace(*values: Any) -> Namespace:
    """Return the module of the first array among ``values``; NumPy where there is none."""
    for value in values:
        xp = XP.get(value.__class__)
        if xp is not None:
            return xp
    return np


def kind_of(*values: Any) -> str:
    """Return the kind of device, "cpu" or "cuda", of the first array among ``values``."""
    for value in values:
        backend = BACKENDS.get(value.__class__)
        if backend is not None:
            return backend.kind
    return "cpu"


def is_array(value: Any) -> bool:
    """Tell whether ``value`` is an array of a known backend (NumPy's scalars count, Python's do not)."""
    return value.__class__ in XP


def is_writable(array: Array) -> bool:
    """Tell whether ``array`` can be changed in place: CuPy does not say that elements of a broadcast view are one."""
    return bool(getattr(array.flags, "writeable", True)) and 0 not in array.strides


def owner(array: Array) -> Array:
    """Return the array that ``array`` is a view of; itself if it is none, or if its memory belongs to something else."""
    base: Any = array.base
    while base is not None and (base.__class__ in XP or isinstance(base, np.ndarray)):  # a memory map is of a class of its own
        array = base
        base = array.base
    return array
