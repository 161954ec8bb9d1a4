"""Running experiments: seed by seed, in several processes if asked, and again from where it stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.lab.experiment import Experiment, Row
from minigrad.lab.nets import images_from
from minigrad.lab.record import Record, decoded, encoded, make_record
from minigrad.lab.registry import load
from minigrad.saving import write_atomically

#: seeds of ``--full``: two disjoint blocks
FULL = (tuple(range(8)), tuple(range(100, 108)))

Report = Callable[[str, int, float], None]  #: told about a finished seed: name, seed, seconds


def run(
    names: Sequence[str],
    out: Path | None = None,
    *,
    seeds: Sequence[int] | None = None,
    full: bool = False,
    jobs: int = 1,
    images: str | None = None,
    report: Report | None = None,
) -> Iterator[Record]:
    """Run experiments, and yield the record of each when it is finished.

    Parameters
    ----------
    names
        Names from `minigrad.lab.NAMES`.
    out
        Folder of the run. A row of each seed is kept there, and taken from there where an earlier run, with the same settings, has it.
    seeds
        In place of those of the experiment.
    full
        Both blocks of eight seeds (`FULL`): what a verdict about a small effect needs.
    jobs
        Processes at a time.
    images
        In place of drawn digits: ``mnist:FOLDER`` or ``fashion-mnist:FOLDER``.
    report
        Called after every seed that was run.
    """
    blocks_of = {name: blocks(load(name), seeds, full) for name in names}
    wanted = [(name, seed) for name in names for block in blocks_of[name] for seed in block]
    rows: dict[tuple[str, int], tuple[Row, float]] = {}
    for name, seed in wanted:
        kept = _kept(out, name, seed, images)
        if kept is not None:
            rows[name, seed] = kept
    todo = [key for key in wanted if key not in rows]
    left = list(names)

    def finished() -> Iterator[Record]:
        while left and all((left[0], seed) in rows for block in blocks_of[left[0]] for seed in block):
            name = left.pop(0)
            kept = [[rows[name, seed] for seed in block] for block in blocks_of[name]]
            rows_of = [[row for row, _ in block] for block in kept]
            record = make_record(name, _on(load(name), images), blocks_of[name], rows_of, _seconds(kept))
            if out is not None:
                record.save(out)
            yield record

    yield from finished()
    for (name, seed), row, seconds in _measured(todo, jobs, images):
        rows[name, seed] = row, seconds
        _keep(out, name, seed, images, row, seconds)
        if report:
            report(name, seed, seconds)
        yield from finished()


def blocks(experiment: Experiment, seeds: Sequence[int] | None, full: bool) -> tuple[tuple[int, ...], ...]:
    """Return the blocks of seeds that an experiment runs with."""
    if seeds is not None:
        return (tuple(seeds),)
    return FULL if full else (experiment.seeds,)


def measure(name: str, seed: int, images: str | None = None) -> tuple[Row, float]:
    """Measure an experiment with a seed; return the row and the seconds of processor time."""
    experiment = load(name)
    start = time.process_time()
    with np.errstate(all="ignore"), images_from(images):
        row = experiment.measure(seed, experiment.settings)
    return row, time.process_time() - start


def _on(experiment: Experiment, images: str | None) -> Experiment:
    """Return the experiment with what it says about its data put right."""
    if images is None or not experiment.images:
        return experiment
    return replace(experiment, data=images.partition(":")[0], settings={**experiment.settings, "images": images.partition(":")[0]})


def _measured(todo: Sequence[tuple[str, int]], jobs: int, images: str | None) -> Iterator[tuple[tuple[str, int], Row, float]]:
    if jobs == 1:
        for key in todo:
            yield key, *measure(*key, images)
        return
    with ProcessPoolExecutor(jobs) as pool:
        waiting = {pool.submit(measure, *key, images): key for key in todo}
        for future in as_completed(waiting):
            yield waiting[future], *future.result()


def _seconds(kept: Sequence[Sequence[tuple[Row, float]]]) -> float:
    return sum(seconds for block in kept for _, seconds in block)


def _path(out: Path, name: str, seed: int) -> Path:
    return out / name / f"seed-{seed}.json"


def _settings(name: str, images: str | None) -> Any:
    return json.loads(json.dumps(encoded(dict(_on(load(name), images).settings))))


def _keep(out: Path | None, name: str, seed: int, images: str | None, row: Row, seconds: float) -> None:
    if out is not None:
        path = _path(out, name, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        body = {"settings": _settings(name, images), "seconds": round(seconds, 2), "row": encoded(row)}
        write_atomically(path, (json.dumps(body) + "\n").encode())


def _kept(out: Path | None, name: str, seed: int, images: str | None) -> tuple[Row, float] | None:
    """Return what an earlier run measured, if it had the settings of today."""
    if out is None or not _path(out, name, seed).is_file():
        return None
    try:
        body = json.loads(_path(out, name, seed).read_text())
        return (decoded(body["row"]), float(body["seconds"])) if body["settings"] == _settings(name, images) else None
    except (ValueError, KeyError, TypeError):
        return None  # it is measured again
