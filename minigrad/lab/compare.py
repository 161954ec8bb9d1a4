"""Drift: what differs between two records of an experiment, or two folders of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minigrad.lab.record import Record, RecordError


@dataclass
class Drift:
    """What differs between two records.

    Attributes
    ----------
    verdicts : before and after
    moved : quantities whose ranges over the seeds do not touch any more, each with both ranges
    other_rule : whether rule or settings are not the same, so that the records are of two experiments
    """

    name: str
    verdicts: tuple[str, str]
    moved: list[str]
    other_rule: bool

    @property
    def changed(self) -> bool:
        """Whether the verdict is another one."""
        return self.verdicts[0] != self.verdicts[1]

    def __str__(self) -> str:
        was, now = self.verdicts
        head = f"{self.name}: {was} -> {now}" if self.changed else f"{self.name}: {now}"
        lines = [head + (" (rule or settings are not the same)" if self.other_rule else "")]
        return "\n".join([*lines, *(f"  {line}" for line in self.moved)])


def compare(before: Path, after: Path) -> list[Drift]:
    """Compare two records, or those that are in both of two folders.

    Raises
    ------
    RecordError
        If a file is no record, or nothing can be compared.
    """
    a, b = _records(before), _records(after)
    common = [name for name in a if name in b]
    if not common:
        raise RecordError(f"{before} and {after} have no experiment in common")
    return [_drift(a[name], b[name]) for name in common]


def _records(path: Path) -> dict[str, Record]:
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    records = [Record.read(file) for file in files]
    return {record.name: record for record in records}


def _drift(a: Record, b: Record) -> Drift:
    moved = []
    for name in a.quantities[0]:
        old, new = a.quantities[0][name], b.quantities[0].get(name)
        if new is None or not old or not new:
            continue
        low, high = min(old), max(old)
        room = 1e-6 * max(abs(low), abs(high)) if np.isfinite([low, high]).all() else 0.0
        if min(new) > high + room or max(new) < low - room:
            moved.append(f"{name}: {low:.4g} to {high:.4g} -> {min(new):.4g} to {max(new):.4g}")
    same = a.rule == b.rule and a.settings == b.settings
    return Drift(a.name, (a.verdict, b.verdict), moved, not same)
