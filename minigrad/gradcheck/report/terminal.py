"""The live table in the terminal: a line for each op with its worst case, and every failure in full."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from minigrad._printable import printable
from minigrad.gradcheck.report.document import MEASURED, Document, closing_line, verdict_of

COLORS = {"pass": "green", "fail": "bold red", "cannot tell": "yellow"}
RANK = {"pass": 0, "cannot tell": 1, "fail": 2}
SHOWN_LIVE = 12  #: lines of the table that stay on the screen while it runs


class LiveTable:
    """Shows cases as they come: one line for each op, or, with ``every_case``, for each case."""

    def __init__(self, console: Console, every_case: bool) -> None:
        self.console, self.every_case = console, every_case
        self.lines: list[dict[str, Any]] = []
        self.live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    def __enter__(self) -> LiveTable:
        if self.live is not None:
            self.live.start()
        return self

    def __exit__(self, *details: object) -> None:
        if self.live is not None:
            self.live.stop()
        self.console.print(self.table(self.lines))

    def add(self, case: dict[str, Any]) -> None:
        """Show a case."""
        last = self.lines[-1] if self.lines else None
        if self.every_case or last is None or last["op"] != case["op"]:
            self.lines.append({**case, "count": 1})
        else:
            worse = (RANK[case["verdict"]], -case["digits"]) > (RANK[last["verdict"]], -last["digits"])
            count, seconds = last["count"] + 1, last["seconds"] + case["seconds"]
            self.lines[-1] = {**(case if worse else last), "count": count, "seconds": seconds}
        if self.live is not None:
            self.live.update(self.table(self.lines[-SHOWN_LIVE:]), refresh=True)

    def table(self, lines: list[dict[str, Any]]) -> Table:
        """Return the table of these lines."""
        table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
        table.add_column("op", no_wrap=True, min_width=max((len(line["op"]) for line in lines), default=2))
        table.add_column("case" if self.every_case else "worst case", overflow="ellipsis", no_wrap=True, ratio=1)
        for name in ("cases", "digits", "verdict", "time"):
            table.add_column(name, justify="left" if name == "verdict" else "right", no_wrap=True)
        for line in lines:
            measured = any(check["check"] in MEASURED for check in line["checks"])
            digits = f"{line['digits']:.1f}" if measured and (line["digits"] or line["verdict"] == "pass") else ""
            seconds = f"{line['seconds'] * 1e3:.0f} ms"
            verdict = Text(line["verdict"], COLORS[line["verdict"]])
            table.add_row(said(line["op"]), said(line["case"]), str(line["count"]), digits, verdict, seconds)
        return table


def said(text: str, style: str = "") -> Text:
    """Return text of others, in which nothing is markup and no character acts on the terminal."""
    return Text(printable(text), style)


def print_failures(console: Console, document: Document) -> None:
    """Print what failed or could not be told, with diagnosis and a small failing case."""
    for case in document["cases"]:
        if case["verdict"] == "pass":
            continue
        console.print(said(f"\n{case['op']} {case['case']}: {case['verdict']}", COLORS[case["verdict"]]))
        for check in case["checks"]:
            if check["verdict"] != "pass":
                console.print(said(f"  order {check['order']} {check['check']} {check['input']} {check['shape']}: {check['message']}"))
        for sentence in case.get("diagnosis", []):
            console.print(said(f"  diagnosis: {sentence}"))
        if case.get("repro"):
            console.print(said("\n" + case["repro"], "dim"))
    for mutant in document.get("mutants", {}).get("list", []):
        if mutant["outcome"] == "survived":
            console.print(said(f"survived: {mutant['op']} ({mutant['input']}) {mutant['where']}: {mutant['change']}", "bold red"))


def print_closing(console: Console, document: Document) -> None:
    """Print the last line."""
    console.print(Text(closing_line(document), COLORS[verdict_of(document)]))
