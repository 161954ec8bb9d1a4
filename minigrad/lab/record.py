"""The record of an experiment that ran: claim, rule, verdict, every measurement, as JSON; and its picture."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.lab.experiment import Experiment, Row, dots
from minigrad.lab.verdict import Verdict, judge
from minigrad.saving import write_atomically
from minigrad.training.panels import Line, Panel
from minigrad.training.plot import png
from minigrad.training.svg import svg


class RecordError(ValueError):
    """A file is no record of an experiment."""


@dataclass
class Record:
    """What is kept of an experiment; all of it is in the JSON."""

    name: str
    claim: str
    source: str
    data: str
    rule: str
    settings: dict[str, Any]
    seeds: list[list[int]]
    verdict: str
    provisional: bool
    because: list[str]
    true: str
    overstated: str
    quantities: list[dict[str, list[float]]]
    notes: dict[str, Any]
    panels: list[Panel]
    exact: bool
    seconds: float
    versions: dict[str, str]

    def __str__(self) -> str:
        return f"{self.name}: {self.verdict}{' (provisional)' if self.provisional else ''}"

    def to_json(self) -> str:
        """Return the JSON; numbers that are not finite are the strings "inf", "-inf" and "nan"."""
        return json.dumps(encoded(asdict(self)), indent=1) + "\n"

    @classmethod
    def read(cls, path: Path) -> Record:
        """Read the JSON of a record."""
        try:
            body = decoded(json.loads(path.read_text()))
            panels = [Panel(**{**p, "lines": {name: Line(**line) for name, line in p["lines"].items()}}) for p in body["panels"]]
            return cls(**{**body, "panels": panels})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RecordError(f"{path} is no record of an experiment: {error}") from None

    def svg(self) -> str:
        """Return the picture, which says on which data it is."""
        return svg(self.panels, self.data)

    def save(self, out: Path) -> None:
        """Write NAME.json and NAME.svg and, where matplotlib is installed, NAME.png."""
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / f"{self.name}.json", self.to_json().encode())
        write_atomically(out / f"{self.name}.svg", self.svg().encode())
        if find_spec("matplotlib") is not None:
            write_atomically(out / f"{self.name}.png", png(self.panels, self.data))


def make_record(
    name: str, experiment: Experiment, blocks: Sequence[Sequence[int]], rows: Sequence[Sequence[Row]], seconds: float
) -> Record:
    """Conclude from the rows of all seeds, by block."""
    from minigrad import __version__

    findings = [experiment.conclude(list(block), experiment.settings) for block in rows]
    verdict: Verdict = judge(experiment, [found.quantities for found in findings])
    panels = findings[0].panels or [dots(name, findings[0].quantities)]
    return Record(
        name=name,
        claim=experiment.claim,
        source=experiment.source,
        data=experiment.data,
        rule=experiment.rule_in_words(),
        settings=dict(experiment.settings),
        seeds=[list(block) for block in blocks],
        verdict=verdict.word,
        provisional=verdict.provisional,
        because=list(verdict.because),
        true=experiment.true,
        overstated=experiment.overstated,
        quantities=[found.quantities for found in findings],
        notes=findings[0].notes,
        panels=panels,
        exact=experiment.exact,
        seconds=round(seconds, 1),
        versions={"minigrad": __version__, "numpy": np.__version__, "python": platform.python_version()},
    )


def encoded(value: Any) -> Any:
    """Return what JSON can hold: plain numbers, lists and dicts, six digits of a fraction."""
    if isinstance(value, dict):
        return {str(key): encoded(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, range, np.ndarray)):
        return [encoded(part) for part in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}") if math.isfinite(value) else str(float(value))
    return int(value) if isinstance(value, np.integer) else value


def decoded(value: Any) -> Any:
    """Undo `encoded`, but for digits and tuples."""
    if isinstance(value, dict):
        return {key: decoded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [decoded(part) for part in value]
    return float(value) if value in ("inf", "-inf", "nan") else value
