"""Two documents against each other: what became worse, what became better, what came and went."""

from __future__ import annotations

from typing import Any

from minigrad.gradcheck.report.document import Document

LOST_DIGITS = 1.0  #: fewer than the old document had, before it counts as worse
RANK = {"pass": 0, "cannot tell": 1, "fail": 2}


def compare(old: Document, new: Document) -> tuple[list[str], bool]:
    """Return sentences on the differences, and whether anything is worse."""
    before, after = _by_case(old), _by_case(new)
    lines, worse = [], False
    for key, case in after.items():
        name = f"{key[0]} {key[1]}".strip()
        if key not in before:
            lines.append(f"new        {name}: {case['verdict']}")
            worse |= RANK[case["verdict"]] > 0
            continue
        was = before[key]
        change = RANK[case["verdict"]] - RANK[was["verdict"]]
        if change:
            lines.append(f"{'worse' if change > 0 else 'better':10s} {name}: {was['verdict']} -> {case['verdict']}")
            worse |= change > 0
        elif case["digits"] < was["digits"] - LOST_DIGITS:
            lines.append(f"worse      {name}: {was['digits']:.1f} -> {case['digits']:.1f} digits")
            worse = True
    for key in before.keys() - after.keys():
        lines.append(f"gone       {key[0]} {key[1]}")
        worse = True
    survived = [document.get("mutants", {}).get("survived", 0) for document in (old, new)]
    if survived[1] > survived[0]:
        lines.append(f"worse      mutants that survive: {survived[0]} -> {survived[1]}")
        worse = True
    seconds = [document["summary"]["seconds"] for document in (old, new)]
    lines.append(f"{len(after)} cases, {len(before)} before; {seconds[1]:.1f} s, {seconds[0]:.1f} s before")
    lines.append("worse" if worse else "no worse")
    return lines, worse


def _by_case(document: Document) -> dict[tuple[str, str, str], Any]:
    """Return the cases by op, arguments and device; equal ones are numbered."""
    found: dict[tuple[str, str, str], Any] = {}
    for case in document["cases"]:
        key, n = (case["op"], case["case"], case["device"]), 2
        while key in found:
            key, n = (case["op"], f"{case['case']} #{n}", case["device"]), n + 1
        found[key] = case
    return found
