"""One command for a machine with a GPU, of under 8 minutes: is everything right there, and how fast is it?

    python benchmarks/gpu            # all of it; results go to benchmarks/results/
    python benchmarks/gpu --only kernels --only training

First what was proved without a GPU is checked on one: the rules of the strict double against the real CuPy, captured
against eager steps, every op and every kernel against NumPy. Then minigrad is timed beside PyTorch. Each part is a process
of its own with a share of the time, and what it has found is written at once, so that an error of the device, which
nothing in a process survives, costs one part. A check that fails makes the exit status 1; a peer that is missing is
reported as not measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BENCHMARKS = HERE.parent
sys.path[:0] = [str(BENCHMARKS), str(BENCHMARKS.parent / "tests"), str(BENCHMARKS.parent)]

from rich.console import Console  # noqa: E402

import minigrad as mg  # noqa: E402
from gpu import checks, timings  # noqa: E402
from gpu.part import Record, Result, backend, run  # noqa: E402

#: part -> what it does, and the seconds it may take
PARTS: dict[str, tuple[Callable[[Record], None], float]] = {
    "environment": (checks.environment, 15),
    "rules": (checks.check_rules, 25),
    "capture": (checks.check_capture, 50),
    "bandwidth": (timings.bandwidth, 30),
    "training": (timings.training, 110),
    "kernels": (checks.check_kernels, 60),
    "gradients": (checks.check_gradients, 40),
    "formulas": (checks.check_formulas, 60),
    "collectives": (checks.check_collectives, 30),
    "sanitizer": (checks.check_sanitizer, 70),
    "compiled": (timings.compiled, 70),
}
TOTAL = 465  #: seconds for all of them; less than their shares together, of which most are generous
STARTING = 5  #: seconds of a part's share before its end at which it should stop by itself


def do_part(name: str, file: Path | None, until: float, pool: bool) -> None:
    """Do one part in this process."""
    if not pool:
        backend().xp.cuda.set_allocator(None)
    PARTS[name][0](Record(file, until))


def run_part(name: str, folder: Path, seconds: float) -> Result:
    """Do one part in a process of its own; return what it has found, and how it ended."""
    file = folder / f"{name}.json"
    command = [sys.executable, str(HERE), "--part", name, "--file", str(file)]
    start = time.time()
    status, said = run([*command, "--until", str(start + seconds - STARTING)], seconds)
    found: Result = json.loads(file.read_text()) if file.exists() else {}
    took = f"{time.time() - start:.0f} s"
    if status == 0:
        return {**found, "ended": f"after {took}"}
    how = f"stopped after {took}" if status is None else f"exit status {status} after {took}"
    return {**found, "ended": how, "said": said[-2000:]}


def good(found: Result) -> bool:
    """Tell whether a part came to its end, and nothing that it checked was wrong."""
    return "said" not in found and all(value["ok"] for value in found.values() if isinstance(value, dict) and "ok" in value)


# ------------------------------------------------------------------------------------------------------------- report

COLUMNS = ["minigrad eager", "minigrad captured", "PyTorch eager", "PyTorch CUDA graph", "PyTorch compiled", "nodes"]


def table(results: Result) -> str:
    """Write results as Markdown."""
    place = results.get("environment", {})
    lines = [f"# {place.get('device', 'a GPU')}", "", *(f"- {key}: {value}" for key, value in place.items()), ""]
    steps = {**results.get("training", {}), **results.get("compiled", {})}
    rows = list(dict.fromkeys(key.rpartition(": ")[0] for key in steps if ": " in key))
    if rows:
        lines += ["Microseconds of a training step, and nodes of its graph:", "", f"| | {' | '.join(COLUMNS)} |", "|---" * 7 + "|"]
        lines += [f"| {row} | {' | '.join(cell(steps.get(f'{row}: {column}', '-')) for column in COLUMNS)} |" for row in rows]
        lines.append("")
    for name, found in results.items():
        if name not in ("environment", "training", "compiled"):
            verdict = "good" if good(found) else "WRONG"
            lines += [f"## {name}: {verdict}", "", *(f"- {key}: {cell(value)}" for key, value in found.items()), ""]
    return "\n".join(lines)


def cell(value: Any) -> str:
    """Write a result in one line."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {cell(item)}" for key, item in value.items())
    return " ".join(str(value).split())


def measure(chosen: list[str], folder: Path | None, console: Any) -> Result:
    """Do the chosen parts; write all results after each."""
    results: Result = {}
    start = time.time()
    with tempfile.TemporaryDirectory() as scratch:
        for name in chosen:
            seconds = min(PARTS[name][1], TOTAL - (time.time() - start))
            results[name] = run_part(name, Path(scratch), seconds) if seconds > 2 * STARTING else {"ended": "not begun: out of time"}
            console.print(f"{'good ' if good(results[name]) else 'WRONG'} {name}: {results[name]['ended']}", markup=False)
            if folder is not None:
                folder.mkdir(exist_ok=True)
                device = str(results.get("environment", {}).get("device", "unknown")).lower().replace(" ", "-")
                (folder / f"gpu-{device}.json").write_text(json.dumps(results, indent=1, default=str) + "\n")
                (folder / f"gpu-{device}.md").write_text(table(results))
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append", help="just this part, and the environment")
    parser.add_argument("--no-write", action="store_true", help="write no file")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)  # from here on: how this file calls itself
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, default=float("inf"), help=argparse.SUPPRESS)
    parser.add_argument("--no-pool", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        do_part(options.part, options.file, options.until, not options.no_pool)
        return 0
    console = Console()
    status = mg.cuda.status()
    if not status.available:
        console.print(f"nothing can be measured here: {status.reason}", markup=False)
        return 2
    chosen = [name for name in PARTS if options.only is None or name in ("environment", *options.only)]
    results = measure(chosen, None if options.no_write else BENCHMARKS / "results", console)
    console.print(table(results), markup=False, highlight=False, soft_wrap=True)
    return 0 if all(good(found) for found in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
