"""What a trace keeps of an array: all of a small one; of a large one samples at fixed places, and statistics.

The places are the same for all arrays of a shape, so that samples of summands add up to the sample of their sum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minigrad.backends import is_array, namespace
from minigrad.core.device import to_host

FULL = 256  #: elements up to which an array is kept whole
SIDE = 16  #: rows and columns of a sample


class Value(NamedTuple):
    """An array as a trace keeps it; ``data`` is on the host and belongs to the trace."""

    shape: tuple[int, ...]
    dtype: str
    data: np.ndarray[Any, Any]
    rows: list[int] | None = None  #: where the sample was taken: the array seen as a matrix with its last axis as columns
    columns: list[int] | None = None
    stats: dict[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        """Return the value as the trace's JSON has it."""
        found: dict[str, Any] = {"shape": list(self.shape), "dtype": self.dtype, "data": numbers(self.data)}
        if self.rows is not None:
            found |= {"sample": {"rows": self.rows, "columns": self.columns}, "stats": self.stats}
        return found


def keep(array: Any, full: bool = False) -> Value:
    """Return what a trace keeps of an array or a number: a copy, so that later changes do not show in it."""
    array = array if is_array(array) else np.asarray(array)
    shape, dtype = array.shape, array.dtype.name
    if full or array.size <= FULL:
        return Value(shape, dtype, np.array(to_host(array)))
    columns = _places(shape[-1])
    rows = _places(array.size // shape[-1])
    xp = namespace(array)
    if len(shape) == 1:
        data = array[xp.asarray(columns)]
    else:
        leading = [xp.asarray(i[:, None]) for i in np.unravel_index(rows, shape[:-1])]
        data = array[(*leading, xp.asarray(columns)[None])]
    return Value(shape, dtype, np.array(to_host(data)), rows, columns, statistics(to_host(array)))


def statistics(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Return min, max, mean, std and norm of the finite elements, the number of others, and the share of zeros."""
    bad = int(array.size - np.isfinite(array).sum())
    finite = array[np.isfinite(array)] if bad else array
    found: dict[str, Any] = {"bad": bad, "zero": _number(float((array == 0).mean())) if array.size else 0}
    if not finite.size or array.dtype.kind == "c":
        return found
    wide = finite.astype(np.float64).ravel()
    scale = float(np.abs(wide).max()) or 1.0  # so that the squares of huge and tiny numbers are none of infinity and zero
    norm = scale * float(np.sqrt(((wide / scale) ** 2).sum()))
    mean = scale * float((wide / scale).mean())
    std = scale * float((wide / scale).std())
    named = {"min": wide.min(), "max": wide.max(), "mean": mean, "std": std, "norm": norm}
    return {name: _number(float(value)) for name, value in named.items()} | found


def numbers(array: np.ndarray[Any, Any]) -> list[Any]:
    """Return the elements as JSON can hold them: exact numbers, written short; what is not finite, or complex, as text."""
    kind, flat = array.dtype.kind, array.ravel()
    if kind == "b":
        return [int(x) for x in flat.tolist()]
    if kind == "c":
        return [str(x) for x in flat.tolist()]
    if kind == "f" and array.dtype.itemsize < 8:
        digits = {2: 5, 4: 9}[array.dtype.itemsize]  # which give the number back exactly
        return [_number(float(f"{x:.{digits}g}")) for x in flat.tolist()]
    return [_number(x) for x in flat.tolist()] if kind == "f" else flat.tolist()


def element(value: Value, place: int) -> list[int]:
    """Return the index in the whole array of element number ``place`` of what was kept."""
    if value.rows is None or value.columns is None:
        return [int(i) for i in np.unravel_index(place, value.shape)]
    row, column = divmod(place, len(value.columns))
    leading = np.unravel_index(value.rows[row], value.shape[:-1]) if len(value.shape) > 1 else ()
    return [*map(int, leading), value.columns[column]]


def place_of_element(value: dict[str, Any], at: tuple[int, ...]) -> int | None:
    """Return where in the data of a value, as the trace's JSON has it, the element at an index is; None if it was not kept."""
    if "sample" not in value:
        return int(np.ravel_multi_index(at, value["shape"])) if at else 0
    rows, columns = value["sample"]["rows"], value["sample"]["columns"]
    row = int(np.ravel_multi_index(at[:-1], value["shape"][:-1])) if len(at) > 1 else 0
    return rows.index(row) * len(columns) + columns.index(at[-1]) if row in rows and at[-1] in columns else None


def _places(n: int) -> list[int]:
    return [int(i) for i in np.linspace(0, n - 1, min(SIDE, n)).astype(int)]


def _number(x: float) -> float | str:
    return x if x - x == 0 else str(x)
