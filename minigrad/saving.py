"""Saving and loading tensors: safetensors files, written so that a crash leaves the old file or the new one.

`save` and `load` are for a flat dict of tensors, such as ``model.state_dict()``; the files are the same that PyTorch's
users of safetensors read and write. `save_state` and `load_state` are for nested dicts and lists, such as a training
checkpoint. Nothing is ever pickled, so loading a file runs no code.
"""

from __future__ import annotations

import json
import math
import os
import stat
import struct
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from minigrad.backends import is_array
from minigrad.core.device import Device, as_device, move, to_host
from minigrad.core.tensor import Tensor, array_of
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

HEADER_LIMIT = 2**24  #: bytes of a header; parsing takes many times its size, and 100,000 tensors need less
WIDENED = {"BF16"}  #: types that NumPy has not, read as float32, which holds each of their values
DTYPES = {"BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "F16", "F32", "F64", "C64"}
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
    try:
        content = _with_ordered_metadata(safetensors.numpy.save(arrays, dict(metadata) if metadata else None))
    except (safetensors.SafetensorError, TypeError) as error:
        raise CheckpointError(f"save: these tensors cannot be written to {path}: {error}") from None
    write_atomically(path, content)


def load(path: str | Path, device: str | Device | None = None) -> dict[str, Tensor]:
    """Return the tensors in a safetensors file, by name; those in bfloat16 as float32, which holds the same values.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or not safetensors, or holds what NumPy has no type for.
    """
    place = None if device is None else as_device(device)
    arrays, _ = _read(path)
    return {name: Tensor(a if place is None else move(a, place)) for name, a in arrays.items()}


def read_metadata(path: str | Path) -> dict[str, str]:
    """Return the text that was saved beside the tensors."""
    return _open(path)[1]


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
    arrays, metadata = _read(path)

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


def _open(path: str | Path) -> tuple[Any, dict[str, str], dict[str, tuple[int, list[int]]]]:
    """Return a file that was found to be good safetensors, open, its metadata, and where in it the tensors lie that are widened."""
    try:
        info = os.stat(path)
        if not stat.S_ISREG(info.st_mode):
            raise CheckpointError(f"{path} is not a file")
        with open(path, "rb") as file:
            start = file.read(8)
            size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 0 < size <= min(HEADER_LIMIT, info.st_size - 8):
                raise CheckpointError(f"{path} is not a safetensors file, or it is cut off{_hint(start)}")
            header = file.read(size)
        opened: Any = safetensors.safe_open(path, framework="numpy")
        fields = json.loads(header, object_pairs_hook=_without_duplicates)
    except FileNotFoundError:
        raise CheckpointError(f"there is no file {path}") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from None
    except (safetensors.SafetensorError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not a good safetensors file: {error}") from None
    for name, field in fields.items():
        if name != "__metadata__" and field["dtype"] not in DTYPES | WIDENED:
            raise CheckpointError(f"{path}: tensor {name!r} is {field['dtype']}, for which NumPy has no type; save it as F32")
    begin = 8 + size
    wide = {n: (begin + f["data_offsets"][0], f["shape"]) for n, f in fields.items() if n != "__metadata__" and f["dtype"] in WIDENED}
    return opened, dict(opened.metadata() or {}), wide


def _hint(start: bytes) -> str:
    """Say what to do with a file that begins like those of NumPy and PyTorch: a zip, an array, a pickle."""
    if not start.startswith((b"PK", b"\x93NUMPY", b"\x80")):
        return ""
    return "; read a file of NumPy or PyTorch with np.load or torch.load, and give what comes to model.load_state_dict"


def _read(path: str | Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Return all arrays of a file, and its metadata."""
    opened, metadata, wide = _open(path)
    arrays = {}
    for name in list(opened.keys()):
        try:
            arrays[name] = array = _bfloat16(path, *wide[name]) if name in wide else opened.get_tensor(name)
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from None
        except (safetensors.SafetensorError, ValueError, TypeError, AttributeError) as error:
            raise CheckpointError(f"{path}: tensor {name!r} cannot be read: {error}") from None
        if array.dtype == bool and array.size and array.view(np.uint8).max() > 1:
            raise CheckpointError(f"{path}: tensor {name!r} is BOOL, but has bytes other than 0 and 1")
    return arrays, metadata


def _bfloat16(path: str | Path, offset: int, shape: list[int]) -> np.ndarray[Any, Any]:
    """Read a tensor in bfloat16: the upper halves of float32 numbers."""
    halves = np.fromfile(path, "<u2", math.prod(shape), offset=offset)
    return (halves.astype(np.uint32) << 16).view(np.float32).reshape(shape)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict of pairs; refuse a key that occurs twice, of which the library would keep the last."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError(f"the key {Counter(name for name, _ in pairs).most_common(1)[0][0]!r} occurs twice")
    return fields
