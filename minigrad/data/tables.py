"""Tables in text files: comma, semicolon or tab between the cells, quotes around them, a header or none.

What a cell lacks is never guessed: every fault names its line and its column. (RFC 4180; `csv` of the standard library.)
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.data.dataset import TensorDataset
from minigrad.data.files import DataError, read_bytes
from minigrad.data.labels import CLASSIFICATION, REGRESSION, check_task, name_classes

LIMIT = 2**28  #: bytes of a table
MISSING = {"", "?", "-", "na", "n/a", "nan", "null", "none", "#n/a"}  #: cells, in lower case, that stand for no value
MOST_CLASSES = 20  #: different whole numbers that are taken for classes, if nobody says what they are
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")


@dataclass(frozen=True)
class Table:
    """The cells of a text file: ``rows[i]`` has one for each of the ``columns`` and ended in line ``lines[i]``."""

    path: str
    columns: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]
    decimal_comma: bool  #: whether 1,5 is a number, as where semicolons or tabs are between the cells
    has_header: bool

    def position(self, column: str) -> int:
        """Where a column stands; one that is not there is a `DataError`."""
        if column not in self.columns:
            raise DataError(f"{self.path} has no column {column!r}; it has {_listed(self.columns)}")
        return self.columns.index(column)

    def cells(self, column: str) -> list[str]:
        """What stands in a column; a missing value is a `DataError` that names its line."""
        k = self.position(column)
        found = [row[k].strip() for row in self.rows]
        for line, cell in zip(self.lines, found, strict=True):
            if cell.lower() in MISSING:
                raise DataError(f"{self.path}, line {line}: column {column!r} has no value ({cell!r}); fill it in, or leave the line out")
        return found

    def numbers(self, columns: Sequence[str]) -> np.ndarray[Any, Any]:
        """Return the numbers in these columns: float32 of shape (rows, columns)."""
        made = np.empty((len(self.rows), len(columns)), np.float32)
        for k, column in enumerate(columns):
            cells = self.cells(column)
            with np.errstate(over="ignore"):
                made[:, k] = [self.number(cell) for cell in cells]
            wrong = np.flatnonzero(~np.isfinite(made[:, k]))
            if wrong.size:
                line, cell = self.lines[wrong[0]], cells[wrong[0]]
                raise DataError(f"{self.path}, line {line}: {cell[:40]!r} in the column {column!r} is no finite number")
        return made

    def number(self, cell: str) -> float:
        """The number that a cell holds, NaN if it holds none."""
        if self.decimal_comma and DECIMAL_COMMA.fullmatch(cell):
            cell = cell.replace(",", ".")
        try:
            return math.nan if "_" in cell else float(cell)
        except ValueError:
            return math.nan


def read_table(path: str | Path, header: bool | None = None) -> Table:
    """Return the cells of a text file with a table.

    Parameters
    ----------
    path
        The file, in UTF-8 (with or without a byte order mark) or UTF-16, compressed with gzip or not.
    header
        Whether the first line names the columns. By default it does if it holds no number, or holds text above a number. Columns
        without names are called by their numbers, from 1. A first column whose name is empty is the index that pandas writes,
        and left out.

    Raises
    ------
    DataError
        If the file is no text, has no rows, names a column twice, or a line has more or fewer cells than the first one.
    """
    text = _text(path)
    delimiter = _delimiter(text)
    rows, lines = [], []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from None
    if not rows:
        raise DataError(f"{path} is empty")
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(rows[0]):
            raise DataError(f"{path}, line {line} has {len(row)} cells; line {lines[0]} has {len(rows[0])}")
    if header is None:
        header = _is_header(rows[0], rows[1] if len(rows) > 1 else [])
    names = [cell.strip() for cell in rows[0]] if header else [str(k) for k in range(1, len(rows[0]) + 1)]
    if header:
        rows, lines = rows[1:], lines[1:]
    if names[0] == "" and len(names) > 1:
        names, rows = names[1:], [row[1:] for row in rows]
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
    if twice is not None:
        raise DataError(f"{path} names the column {twice!r} twice")
    if not rows:
        raise DataError(f"{path} has a header and no rows")
    return Table(str(path), tuple(names), rows, lines, delimiter != ",", header)


def read_csv(path: str | Path, target: str | None = None, *, task: str | None = None, header: bool | None = None) -> TensorDataset:
    """Read a table of numbers, and one column of it as what is to be learned.

    Parameters
    ----------
    path, header
        As for `read_table`: comma, semicolon or tab between the cells (with the latter two also 1,5 is a number), quotes, a byte order
        mark, a header or none.
    target
        The column to learn, by its name, or without a header by its number from 1. Without it all columns are features.
    task
        ``"classification"`` or ``"regression"``. By default a target is classes if it holds text, or at most 20 different whole
        numbers, each twice on average.

    Returns
    -------
    TensorDataset
        Features, float32 of shape (n, features), whose names are its ``columns``; then classes, int64 of shape (n,), with their
        names as its ``classes``, or numbers, float32 of shape (n, 1).

    Raises
    ------
    DataError
        If a value is missing or no finite number; line and column are named.
    ValueError
        If ``task`` is neither.
    """
    return table_dataset(read_table(path, header), target, task)


def table_dataset(table: Table, target: str | None, task: str | None = None) -> TensorDataset:
    """Return the features and the target in a table, as `read_csv` does."""
    check_task(task)
    features = [name for name in table.columns if name != target]
    if target is None:
        return TensorDataset(table.numbers(features), columns=features)
    cells = table.cells(target)
    if not features:
        raise DataError(f"{table.path} has the column {target!r} alone; there is nothing to learn it from")
    x = table.numbers(features)
    if (task or _told_by(table, cells)) == REGRESSION:
        return TensorDataset(x, table.numbers([target]), columns=features)
    labels, classes = name_classes(cells)
    return TensorDataset(x, labels, classes=classes, columns=features)


def _told_by(table: Table, cells: list[str]) -> str:
    """What is to be done with a target: text is classes, and so are a few whole numbers."""
    numbers = [table.number(cell) for cell in cells]
    if any(math.isnan(number) for number in numbers):
        texts = sum(map(math.isnan, numbers))
        if texts * 2 < len(numbers):  # a number mistyped, rather than a class
            return REGRESSION
        return CLASSIFICATION
    few = len(set(numbers)) <= min(MOST_CLASSES, len(numbers) / 2)
    return CLASSIFICATION if few and all(number.is_integer() for number in numbers) else REGRESSION


def _text(path: str | Path) -> str:
    content = bytes(read_bytes(path, LIMIT))
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"{path}, line {line} is not text in UTF-8; save the table in this encoding") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(f"{path}, line {line} has a NUL; it is no text")
    return text


def _delimiter(text: str) -> str:
    """What stands between the cells: of tab, semicolon and comma the first that the first line has outside of quotes."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return next((mark for mark in "\t;," if mark in bare), ",")


def _is_header(first: list[str], second: list[str]) -> bool:
    numbers = [_is_number(cell) for cell in first]
    return not any(numbers) or any(not a and cell.strip() and _is_number(b) for a, cell, b in zip(numbers, first, second, strict=False))


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip().replace(",", "."))
    except ValueError:
        return False
    return True


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12} more"
