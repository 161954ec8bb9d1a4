"""Pages for the documentation, made of records: a table of all claims, and a page for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minigrad.lab.record import Record
from minigrad.lab.registry import CHAPTERS, NOT_DECIDED, load

HEAD = """# The lab

Forty and more things are said about batch normalization, in the paper (Ioffe and Szegedy, 2015) and in articles that explain
it, here called article 0 to 4. Each is an experiment: a claim, data, what is measured, and a rule. The rule is data, and the
verdict is computed from it. `minigrad lab run NAME` runs one, `minigrad lab run all` all of them; each is a file in
`minigrad/lab/experiments/`. These pages are made of the records in `docs/lab/results` by `python docs/lab/make.py`.

Accuracy on the 360 test digits moves in steps of 0.28 points. So a small effect counts only if it is at least a point, its 95 %
interval excludes zero, and its sign is the same in a second block of seeds; on one block a verdict about one is provisional.
The plain net always has its own best rate, and in `speedup_start` and `saturating_start` its own best start.
"""

COLUMNS = ("experiment", "claim", "source", "verdict", "true", "overstated", "seeds", "CPU s")


def write_pages(results: Path, out: Path) -> list[Path]:
    """Write ``index.md`` and a page for each record in a folder; return the paths."""
    records = {path.stem: Record.read(path) for path in sorted(results.glob("*.json"))}
    where = results.relative_to(out).as_posix()
    pages = {"index": _index(records)} | {name: _page(record, where) for name, record in records.items()}
    paths = []
    for name, text in pages.items():
        paths.append(out / f"{name}.md")
        paths[-1].write_text(text)
    return paths


def _index(records: dict[str, Record]) -> str:
    lines = [HEAD]
    for chapter, names in CHAPTERS.items():
        lines += [f"\n## {chapter}\n", f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
        for name in names:
            if name in records:
                r = records[name]
                seeds, seconds = str(sum(map(len, r.seeds))), f"{r.seconds:.0f}"
                cells = [f"[{name}]({name}.md)", r.claim, r.source, _verdict(r), r.true, r.overstated, seeds, seconds]
                lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    total = sum(load(name).seconds for name in records)
    lines.append(
        f"\nWith the default seeds, three for most, all of it takes {total / 60:.0f} minutes of processor time; 16 seeds are `--full`.\n"
    )
    lines += ["## Not decided here\n", *(f"- {claim}: {reason}." for claim, reason in NOT_DECIDED.items())]
    return "\n".join(lines) + "\n"


def _verdict(r: Record) -> str:
    return f"**{r.verdict}**" + (" (provisional)" if r.provisional else "")


def _page(r: Record, results: str) -> str:
    seeds = " and ".join(f"{block[0]} to {block[-1]}" for block in r.seeds)
    settings = ", ".join(f"{name} = {_short(value)}" for name, value in r.settings.items())
    versions = ", ".join(f"{name} {version}" for name, version in r.versions.items())
    lines = [
        f"# {r.name}\n",
        f"**Claim** ({r.source}): {r.claim}.\n",
        f"**Verdict**: {_verdict(r)}.\n",
        f"**True**: {r.true}\n",
        f"**Overstated**: {r.overstated}\n",
        f"![{r.claim}]({results}/{r.name}.svg)\n",
        f"Data: {r.data}. Seeds {seeds}. {f'Settings: {settings}.' if settings else ''}",
        "Lines and marks are medians over the seeds, bands and bars their range.\n",
        "## Rule\n",
        f"{r.rule[0].upper()}{r.rule[1:]}.\n",
        *(f"- {line}" for line in r.because),
        "\n## Measured\n",
        "| quantity | mean | sd | by seed |",
        "|---|---|---|---|",
    ]
    for name, values in r.quantities[0].items():
        v = np.asarray(values, dtype=float)
        finite = bool(np.isfinite(v).all())
        sd = f"{v.std(ddof=1):.2g}" if finite and len(v) > 1 else ""
        lines.append(
            f"| {name.replace('|', '&#124;')} | {f'{v.mean():.4g}' if finite else ''} | {sd} | {', '.join(f'{x:.4g}' for x in v)} |"
        )
    lines += [f"\n- {name}: {_short(value)}" for name, value in r.notes.items()]
    lines.append(f"\n{r.seconds:.0f} s of processor time; {versions}. Record: [{r.name}.json]({results}/{r.name}.json).")
    return "\n".join(lines) + "\n"


def _short(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(map(_short, value)) + ")"
    if isinstance(value, dict):
        return ", ".join(f"{k} {_short(v)}" for k, v in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
