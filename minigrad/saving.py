"""Saving and loading tensors: safetensors files, written so that a crash leaves the old file or the new one.

`save` and `load` are for a flat dict of tensors, such as ``model.state_dict()``; the files are the same that PyTorch's
users of safetensors read and write. `save_state` and `load_state` are for nested dicts and lists, such as a training
checkpoint. Nothing is ever pickled, so loading a file runs no code.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.backends import is_array
from minigrad.core.device import Device, as_device, move, to_host
from minigrad.core.tensor import Tensor, array_of
from minigrad.reading import DTYPES, HEADER_LIMIT, File, library, read, tell_of_conversion
from minigrad.writing import CheckpointError, write_atomically

__all__ = [
    "DTYPES",
    "HEADER_LIMIT",
    "STATE",
    "CheckpointError",
    "load",
    "load_state",
    "read_metadata",
    "save",
    "save_state",
    "write_atomically",
]

STATE = "minigrad.state"  #: the key in the metadata under which `save_state` keeps all that is not a tensor


def save(tensors: Mapping[str, Any], path: str | Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors to a safetensors file.

    The file is written under another name in the same folder, brought to the disk, and renamed: a crash at any moment,
    a full disk or a missing permission leaves what was there.

    Parameters
    ----------
    tensors
        Tensors or arrays by name, on any device.
    path
        The file.
    metadata
        Text to keep beside them.

    Raises
    ------
    CheckpointError
        If the file cannot be written.
    """
    if not isinstance(tensors, Mapping):
        raise TypeError(f"save: tensors must be a dict of tensors by name, such as model.state_dict(), not a {type(tensors).__name__}")
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for name, value in tensors.items():
        if not isinstance(name, str) or name in ("", "__metadata__"):
            raise CheckpointError(f"save: {name!r} cannot be the name of a tensor")
        array = array_of(value)
        if not is_array(array) or array.dtype.kind not in "biufc":
            nested = "; nested state is written by mg.saving.save_state" if isinstance(value, (Mapping, list, tuple)) else ""
            raise CheckpointError(f"save: {name!r} must be a tensor or an array of numbers, not {type(value).__name__}{nested}")
        arrays[name] = np.ascontiguousarray(to_host(array)).reshape(array.shape)  # the library writes strided arrays wrongly
    safetensors = library()
    try:
        content = _with_ordered_metadata(safetensors.numpy.save(arrays, dict(metadata) if metadata else None))
    except (safetensors.SafetensorError, TypeError) as error:
        raise CheckpointError(f"save: these tensors cannot be written to {path}: {error}") from None
    write_atomically(path, content)


def load(path: str | Path, device: str | Device | None = None) -> dict[str, Tensor]:
    """Return the tensors in a safetensors file, by name, or those of a model in several.

    Tensors in bfloat16 and in floats of 8 bits (``F8_E4M3``, ``F8_E5M2``) come as float32, which holds each of their
    values, and one warning says how many there are.

    Parameters
    ----------
    path
        The file, or the index of a model in several files, such as ``model.safetensors.index.json``.
    device
        Where the tensors are to be; the CPU by default.

    Raises
    ------
    CheckpointError
        If a file is missing, damaged or not safetensors, or holds what NumPy has no type for; if the files of an index
        do not hold what it says, one tensor each time, or lie outside its folder.
    """
    place = None if device is None else as_device(device)
    arrays, converted = read(path)
    tell_of_conversion(str(path), [f"{kind} to float32" for kind in converted], stacklevel=2)
    return {name: Tensor(a if place is None else move(a, place)) for name, a in arrays.items()}


def read_metadata(path: str | Path) -> dict[str, str]:
    """Return the text that was saved beside the tensors."""
    return File(path).metadata


def save_state(state: Any, path: str | Path) -> None:
    """Write nested dicts (with text or integers as keys) and lists of tensors, numbers, text and None, as `save` does."""
    tensors: dict[str, Any] = {}

    def pack(value: Any, where: str) -> Any:
        if isinstance(value, Tensor) or (is_array(value) and not isinstance(value, np.generic)):
            name = where or "state"
            while name in tensors or name == "__metadata__":  # "a.b" may be a key, or "b" within "a"
                name += "_"
            tensors[name] = value
            return {"tensor": name}
        if isinstance(value, Mapping):
            keys = list(value)
            if not all(isinstance(k, (str, int)) for k in keys):
                raise CheckpointError(f"save_state: keys must be text or integers, not {keys!r}")
            return {"dict": [[k, pack(v, f"{where}.{k}".lstrip("."))] for k, v in value.items()]}
        if isinstance(value, (list, tuple)):
            return {"list": [pack(v, f"{where}.{i}".lstrip(".")) for i, v in enumerate(value)]}
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        raise CheckpointError(f"save_state: {where} is of type {type(value).__name__}, which is neither a tensor nor plain data")

    text = json.dumps(pack(state, ""), separators=(",", ":"))
    save(tensors, path, {STATE: text})


def load_state(path: str | Path) -> Any:
    """Return what `save_state` wrote, with Tensors on the host.

    Raises
    ------
    CheckpointError
        If the file is missing or damaged, or was not written by `save_state`.
    """
    file = File(path)
    arrays, metadata = file.arrays(), file.metadata

    def unpack(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        ((kind, content),) = value.items()
        if kind == "tensor":
            return Tensor(arrays[content])
        if kind == "dict":
            return {key: unpack(v) for key, v in content}
        if kind == "list":
            return [unpack(v) for v in content]
        raise ValueError(kind)

    try:
        return unpack(json.loads(metadata[STATE]))
    except (KeyError, ValueError, TypeError, RecursionError):
        raise CheckpointError(f"{path} is not a state that minigrad saved, or it is damaged") from None


def _with_ordered_metadata(content: bytes) -> bytes:
    """Sort the metadata, which the library writes in a random order, so that the same tensors give the same bytes."""
    (size,) = struct.unpack("<Q", content[:8])
    if size > HEADER_LIMIT:
        raise CheckpointError(f"the names and shapes of these tensors take {size} bytes, more than the {HEADER_LIMIT} that are read back")
    header = json.loads(content[8 : 8 + size])
    if len(header.get("__metadata__", {})) < 2:
        return content
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of 8 bytes
    return struct.pack("<Q", len(text)) + text + content[8 + size :]
