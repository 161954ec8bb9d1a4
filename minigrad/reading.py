"""Safetensors files as arrays: one file, or several that an index names.

A file is looked at as a whole before anything of it is used: what is damaged is refused in one sentence. Numbers of a type
that NumPy has not are read as float32, which holds each of their values.
"""

from __future__ import annotations

import json
import math
import os
import stat
import struct
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

import numpy as np

from minigrad.writing import CheckpointError

__all__ = ["DTYPES", "HEADER_LIMIT", "WIDENED", "File", "library", "read", "read_shards", "tell_of_conversion"]

HEADER_LIMIT = 2**24  #: bytes of a header; parsing takes many times its size, and 100,000 tensors need less
DTYPES = {"BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "F16", "F32", "F64", "C64"}


def _values_of_e4m3() -> np.ndarray[Any, Any]:
    """All values of a float of 8 bits with 4 of exponent and 3 of mantissa, by code: no infinities, NaN is all ones.

    (Micikevicius et al.: "FP8 formats for deep learning", 2022, table 1.)
    """
    code = np.arange(256)
    exponent, mantissa = code >> 3 & 15, code & 7
    size = np.where(exponent == 0, mantissa * 2.0**-9, (8 + mantissa) * 2.0 ** (exponent - 10))
    return np.where(code & 127 == 127, np.nan, np.where(code < 128, size, -size)).astype(np.float32)


E4M3 = _values_of_e4m3()

#: type -> how its codes are stored, and their values in float32; those of BF16 and F8_E5M2 are upper halves of float32 and float16
WIDENED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "BF16": ("<u2", lambda codes: (codes.astype(np.uint32) << 16).view(np.float32)),
    "F8_E4M3": ("u1", lambda codes: E4M3[codes]),
    "F8_E5M2": ("u1", lambda codes: (codes.astype(np.uint16) << 8).view(np.float16).astype(np.float32)),
}


def library() -> Any:
    """Return safetensors, which is imported when a file is read or written: not every Python in a browser has it."""
    try:
        import safetensors.numpy
    except ImportError:
        raise CheckpointError("files of weights need safetensors, which is not installed here: pip install safetensors") from None
    return safetensors


class Place(NamedTuple):
    """Where in a file a tensor lies whose numbers are converted."""

    dtype: str
    offset: int
    shape: list[int]


class File:
    """A file that was found to be good safetensors, open.

    Attributes
    ----------
    names
        The names of its tensors.
    metadata
        The text beside them.
    converted
        The types of the tensors that are read as float32, by name.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        fields, begin = self._open()
        for name, field in fields.items():
            if field["dtype"] not in DTYPES and field["dtype"] not in WIDENED:
                raise CheckpointError(f"{path}: tensor {name!r} is {field['dtype']}, for which NumPy has no type; save it as F32")
        self.names = list(self._opened.keys())
        self.metadata: dict[str, str] = dict(self._opened.metadata() or {})
        self.converted = {name: field["dtype"] for name, field in fields.items() if field["dtype"] in WIDENED}
        self._places = {
            name: Place(self.converted[name], begin + fields[name]["data_offsets"][0], fields[name]["shape"]) for name in self.converted
        }

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return all tensors of the file, by name."""
        return {name: self._array(name) for name in self.names}

    def _open(self) -> tuple[dict[str, Any], int]:
        """Return what the header says of the tensors, and where they begin."""
        path, safetensors = self.path, library()
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
            self._opened: Any = safetensors.safe_open(path, framework="numpy")
            fields = json.loads(header, object_pairs_hook=_without_duplicates)
        except FileNotFoundError:
            raise CheckpointError(f"there is no file {path}") from None
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from None
        except (safetensors.SafetensorError, ValueError, RecursionError) as error:
            raise CheckpointError(f"{path} is not a good safetensors file: {error}") from None
        return {name: field for name, field in fields.items() if name != "__metadata__"}, 8 + size

    def _array(self, name: str) -> np.ndarray[Any, Any]:
        safetensors = library()
        try:
            array = self._widened(self._places[name]) if name in self._places else self._opened.get_tensor(name)
        except OSError as error:
            raise CheckpointError(f"{self.path} cannot be read: {error.strerror or error}") from None
        except (safetensors.SafetensorError, ValueError, TypeError, AttributeError) as error:
            raise CheckpointError(f"{self.path}: tensor {name!r} cannot be read: {error}") from None
        if array.dtype == bool and array.size and array.view(np.uint8).max() > 1:
            raise CheckpointError(f"{self.path}: tensor {name!r} is BOOL, but has bytes other than 0 and 1")
        return array

    def _widened(self, place: Place) -> np.ndarray[Any, Any]:
        stored, values = WIDENED[place.dtype]
        codes = np.fromfile(self.path, stored, math.prod(place.shape), offset=place.offset)
        return values(codes).reshape(place.shape)  # type: ignore[no-any-return]


def read(path: str | Path) -> tuple[dict[str, np.ndarray[Any, Any]], list[str]]:
    """Return the tensors of a file, or of all files that an index (``*.json``) names, and the types that were converted."""
    if Path(path).suffix == ".json":
        return read_shards(path)
    file = File(path)
    return file.arrays(), list(file.converted.values())


def read_shards(path: str | Path) -> tuple[dict[str, np.ndarray[Any, Any]], list[str]]:
    """Return the tensors of a model in several files, whose index says in which of them each lies.

    The index is JSON: ``{"weight_map": {"layer.weight": "model-00001-of-00002.safetensors", ...}}``.

    Raises
    ------
    CheckpointError
        If the index is damaged or leads out of its folder, a file is missing, or index and files do not agree: a tensor
        that is in two files, in none, or not in the index.
    """
    weight_map = _weight_map(path)
    shards = {name: Path(path).with_name(name) for name in dict.fromkeys(weight_map.values())}
    missing = [name for name, shard in shards.items() if not shard.exists()]
    if missing:
        raise CheckpointError(f"{path}: {len(missing)} of {len(shards)} shards are missing: {', '.join(missing)}")
    files = {name: File(shard) for name, shard in shards.items()}
    _check_agreement(path, weight_map, {name: file.names for name, file in files.items()})
    arrays = {name: array for file in files.values() for name, array in file.arrays().items()}
    return {name: arrays[name] for name in weight_map}, [kind for file in files.values() for kind in file.converted.values()]


def _weight_map(path: str | Path) -> dict[str, str]:
    """Return which file each tensor is in, as an index says it."""
    try:
        if os.stat(path).st_size > HEADER_LIMIT:
            raise CheckpointError(f"{path} has more than the {HEADER_LIMIT} bytes that an index may have")
        index = json.loads(Path(path).read_bytes(), object_pairs_hook=_without_duplicates)
    except FileNotFoundError:
        raise CheckpointError(f"there is no file {path}") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not a good index of shards: {error}") from None
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict) or not all(isinstance(shard, str) for shard in weight_map.values()):
        raise CheckpointError(f"{path} is not an index of shards: it has no 'weight_map' from names of tensors to names of files")
    for shard in dict.fromkeys(weight_map.values()):
        if not shard or PureWindowsPath(shard).name != shard or "\0" in shard:  # a name alone: both slashes and drives lead elsewhere
            raise CheckpointError(f"{path}: the shard {shard!r} is not the name of a file in the folder of the index")
    return weight_map


def _check_agreement(path: str | Path, weight_map: dict[str, str], names: dict[str, list[str]]) -> None:
    """Refuse files that hold other tensors than the index says, or one of them twice."""
    holders: dict[str, str] = {}
    for shard, held in names.items():
        for name in held:
            if name in holders:
                raise CheckpointError(f"{path}: tensor {name!r} is in two shards, {holders[name]} and {shard}")
            holders[name] = shard
    for name in {**weight_map, **holders}:
        if name not in weight_map:
            raise CheckpointError(f"{path}: shard {holders[name]} holds {name!r}, which the index does not list")
        if holders.get(name) != weight_map[name]:
            where = f"it is in {holders[name]}" if name in holders else "no shard has it"
            raise CheckpointError(f"{path}: tensor {name!r} should be in {weight_map[name]}; {where}")


def tell_of_conversion(where: str, kinds: Iterable[str], stacklevel: int) -> None:
    """Say in one warning what was converted, such as ``"BF16 to float32"``, and how often, if anything was."""
    counts = ", ".join(f"{count} from {kind}" for kind, count in Counter(kinds).items())
    if counts:
        warnings.warn(f"{where}: converted {counts}", UserWarning, stacklevel=stacklevel + 1)


def _hint(start: bytes) -> str:
    """Say what to do with a file that begins like those of NumPy and PyTorch: a zip, an array, a pickle."""
    if not start.startswith((b"PK", b"\x93NUMPY", b"\x80")):
        return ""
    return "; read a file of NumPy or PyTorch with np.load or torch.load, and give what comes to model.load_state_dict"


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict of pairs; refuse a key that occurs twice, of which the library would keep the last."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError(f"the key {Counter(name for name, _ in pairs).most_common(1)[0][0]!r} occurs twice")
    return fields
