"""What a caller may ask a namespace of the array API: what it can do, its types and its devices."""

from __future__ import annotations

from typing import Any

from minigrad import dtypes
from minigrad.backends import LOADERS
from minigrad.core.device import CPU, Device, backend_of, default_device

#: the types of the standard, by kind; complex ones are none of minigrad's
KINDS = {
    "bool": ("bool",),
    "signed integer": ("int8", "int16", "int32", "int64"),
    "unsigned integer": ("uint8", "uint16", "uint32", "uint64"),
    "real floating": ("float32", "float64"),
    "complex floating": (),
}
KINDS["integral"] = KINDS["signed integer"] + KINDS["unsigned integer"]
KINDS["numeric"] = KINDS["integral"] + KINDS["real floating"]

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")  #: of the standard; the namespace is that of the last, which adds to the others


def check_version(version: str | None) -> None:
    """Refuse to be a namespace of another version of the standard."""
    if version is not None and version not in VERSIONS:
        raise ValueError(f"__array_namespace__: api_version is {version!r}; expected one of {', '.join(map(repr, VERSIONS))}")


class Info:
    """What `__array_namespace_info__` returns."""

    def capabilities(self) -> dict[str, Any]:
        """Return what is optional in the standard: indices of truth values, shapes that follow from values, the largest number of axes."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Device:
        """Return where new tensors are made."""
        return default_device()

    def default_dtypes(self, *, device: str | Device | None = None) -> dict[str, Any]:
        """Return the types that Python's numbers become, and that of positions; the same on every device."""
        return {"real floating": dtypes.float32, "integral": dtypes.int64, "indexing": dtypes.int64}

    def dtypes(self, *, device: str | Device | None = None, kind: str | tuple[str, ...] | None = None) -> dict[str, Any]:
        """Return the types of the standard that there are, by name; those of a kind, or of several, if it is given."""
        kinds = ("bool", "numeric") if kind is None else (kind,) if isinstance(kind, str) else kind
        unknown = [k for k in kinds if k not in KINDS]
        if unknown:
            raise ValueError(f"dtypes: kind is {unknown[0]!r}; expected one of {', '.join(map(repr, KINDS))}, or several in a tuple")
        return {name: getattr(dtypes, name) for k in kinds for name in KINDS[k]}

    def devices(self) -> list[Device]:
        """Return the devices that there are."""
        found = [Device(kind, i) for kind, (_, available) in LOADERS.items() if available() for i in range(backend_of(kind).device_count())]
        return [CPU, *found]
