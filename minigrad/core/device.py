"""Devices: their names, the default one, and moving data between them.

``"cpu"`` is NumPy. ``"cuda"`` and ``"cuda:1"`` are CuPy, which is imported when a CUDA device is first asked for and
not before. ``"auto"`` takes the first GPU if there is one. An explicit ``"cuda"`` never falls back to the CPU: if it
cannot be had, `DeviceUnavailableError` says in one sentence what is missing and which command mends it.

The device of a tensor is read off its array and stored nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

from minigrad.backends import BACKENDS, LOADERS, Array, Backend, DeviceUnavailableError
from minigrad.core._contexts import block


class Device:
    """A place where arrays live: ``Device("cuda", 1)`` is the second GPU."""

    __slots__ = ("index", "kind")

    def __init__(self, kind: str, index: int = 0) -> None:
        self.kind, self.index = kind, index

    def __str__(self) -> str:
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.index}"

    def __repr__(self) -> str:
        return f"device('{self}')"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            other = _parse(other)
        return isinstance(other, Device) and (self.kind, self.index) == (other.kind, other.index)

    def __hash__(self) -> int:
        return hash((self.kind, self.index))


CPU = Device("cpu")
_chosen: ContextVar[Device | None] = ContextVar("minigrad_device", default=None)
_default: Device | None = None


def as_device(name: str | Device) -> Device:
    """Return the device called ``name``, after making sure that it is there.

    Raises
    ------
    ValueError
        If the name is not ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"auto"``.
    DeviceUnavailableError
        If a CUDA device is asked for that cannot be used.
    """
    if not isinstance(name, (str, Device)):
        raise TypeError(f"a device is named by text such as 'cpu' or 'cuda:0', not by a {type(name).__name__}")
    wanted = _parse(name) if isinstance(name, str) else name
    if wanted.kind == "auto":
        wanted = next((Device(kind) for kind, (_, available) in LOADERS.items() if available()), CPU)
    if wanted.kind == "cuda":
        count = backend_of("cuda").device_count()
        if wanted.index >= count:
            there = "only cuda:0 is" if count == 1 else f"cuda:0 to cuda:{count - 1} are"
            raise DeviceUnavailableError(f"device 'cuda:{wanted.index}' was asked for, but {there} there")
    return wanted


def default_device() -> Device:
    """Return where new tensors are made: `device` block, `set_default_device`, MINIGRAD_DEVICE, "cpu", in this order."""
    chosen = _chosen.get() or _default
    if chosen is not None:
        return chosen
    name = os.environ.get("MINIGRAD_DEVICE")
    if not name:
        return CPU
    try:
        return as_device(name)
    except ValueError:
        raise DeviceUnavailableError(f"MINIGRAD_DEVICE={name!r} is no device: it may be auto, cpu, cuda or cuda:N") from None


def set_default_device(name: str | Device) -> None:
    """Make new tensors on this device from now on."""
    global _default
    _default = as_device(name)


@block
def device(name: str | Device) -> Iterator[Device]:
    """Make new tensors on this device within a ``with`` block."""
    chosen = as_device(name)
    before = _chosen.get()
    try:
        _chosen.set(chosen)
        yield chosen
    finally:
        _chosen.set(before)


def device_of(array: Array) -> Device:
    """Return the device that holds ``array``."""
    backend = BACKENDS[array.__class__]
    return CPU if backend.kind == "cpu" else Device(backend.kind, backend.device_index(array))


def move(array: Array, target: Device) -> Array:
    """Return ``array`` on the device ``target``: itself if it is there already."""
    if device_of(array) == target:
        return array
    host = to_host(array)
    return host if target.kind == "cpu" else backend_of(target.kind).from_host(host, target.index)


def to_host(array: Array) -> np.ndarray[Any, Any]:
    """Return the values as a NumPy array. Every transfer from a device to the host goes through here."""
    return BACKENDS[array.__class__].to_host(array)


def _parse(name: str) -> Device:
    kind, colon, number = name.partition(":")
    if kind in ("cpu", "auto") and not colon:
        return Device(kind)
    if kind == "cuda" and (not colon or number.isdecimal()):
        return Device("cuda", int(number or 0))
    raise ValueError(f"unknown device {name!r}: expected 'cpu', 'cuda', 'cuda:N' or 'auto'")


def backend_of(kind: str) -> Backend:
    """Return the backend of a kind of device, loading CuPy if it is the one needed."""
    for backend in BACKENDS.values():
        if backend.kind == kind:
            return backend
    load, _ = LOADERS[kind]
    return load()
