"""The document: what a run of the suite found, as plain dicts and lists. Every report is made from it.

**Schema, version 1.** The JSON file holds one object. Numbers that are not finite are null.

=================  ==================================================================================================
``version``        1; a higher number means that a key changed its meaning or went away
``environment``    ``minigrad``, ``numpy``, ``python``, ``platform``, ``devices``: versions and names, as text
``settings``       ``order``, ``mode``, ``seed``: as on the command line
``summary``        ``ops``, ``cases``, ``passed``, ``failed``, ``inconclusive``: numbers; ``seconds``
``cases``          a list of cases, in the order in which they ran
``mutants``        only if they were asked for: ``total``, ``killed``, ``crashed``, ``equivalent``, ``survived``: numbers that
                   add up to ``total``; ``ops``: the same by op; ``list``: those not killed, as
                   ``{op, input, where, change, outcome, reason}``
=================  ==================================================================================================

A case: ``op`` (name), ``tag`` (its family), ``case`` (the arguments, as text), ``device``, ``verdict`` ("pass", "fail" or
"cannot tell"), ``digits`` (the fewest of its derivatives; 0 if something else failed), ``seconds``, ``checks``, ``notes`` (warnings),
``steps`` (pairs of a step of central differences and the relative error it gives), and, if it failed, ``diagnosis`` (sentences),
``repro`` (a program) and ``formulas`` (the source of what gave the gradient, where it is at hand).

A check: ``check`` (its name), ``order``, ``input`` (name), ``shape``, ``verdict``, ``error`` (relative), ``estimate`` (of the numerical
derivative's own error), ``digits``, ``method``, ``kinks`` and ``jumps`` (how many elements are at one), ``slope`` (of the Taylor
remainder, or null), ``message``, and, if a derivative failed, ``analytic`` and ``numeric`` (nested lists).
"""

from __future__ import annotations

import inspect
import json
import math
import platform
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.core.op import Op
from minigrad.gradcheck.numerics.row import CANNOT_TELL, FAIL, PASS, Row, worst_verdict
from minigrad.gradcheck.report.steps import error_by_step

if TYPE_CHECKING:
    from minigrad.gradcheck.result import Result

VERSION = 1
Document = dict[str, Any]
MEASURED = ("derivative", "float32")  #: checks with digits of agreement


def new_document(order: int = 1, mode: str = "full", seed: int = 0) -> Document:
    """Return a document without cases."""
    return {
        "version": VERSION,
        "environment": environment(),
        "settings": {"order": order, "mode": mode, "seed": seed},
        "summary": {},
        "cases": [],
    }


def environment() -> dict[str, str]:
    """Return what the numbers may depend on."""
    import minigrad

    return {
        "minigrad": minigrad.__version__,
        "numpy": np.__version__,
        "python": sys.version.split()[0],
        "platform": f"{platform.system()} {platform.machine()}",
        "devices": "cpu",
    }


def document_of(result: Result) -> Document:
    """Return the document of a single check."""
    document = new_document(max((row.order for row in result.rows), default=1), "full", result.seed)
    document["cases"].append(case_of(result, result.name, "", "", steps=True))
    summarize(document, result.seconds)
    return document


def case_of(result: Result, op: str, tag: str, case: str, device: str = "cpu", *, steps: bool = False) -> dict[str, Any]:
    """Return the case of one result. A failure is diagnosed and shrunk here."""
    failed = result.verdict == FAIL
    entry: dict[str, Any] = {
        "op": op,
        "tag": tag,
        "case": case,
        "device": device,
        "verdict": result.verdict,
        "digits": round(result.digits, 2),
        "seconds": round(result.seconds, 6),
        "checks": [check_of(row) for row in result.rows],
        "notes": list(result.notes),
        "steps": [],
    }
    if steps and result.problem is not None:
        entry["steps"] = error_by_step(result.problem, result.seed)
    if failed:
        entry["diagnosis"], entry["repro"], entry["formulas"] = result.diagnosis, result.repro(), formulas_of(result)
    return entry


def formulas_of(result: Result) -> list[str]:
    """Return the source of what gave the gradient: the formulas of an op, or a backward pass written by hand; empty if not at hand."""
    function = result.function
    while isinstance(function, partial):
        function = function.func
    written = [f.function for f in function.formulas] if isinstance(function, Op) else [] if result.vjp is None else [result.vjp]
    found = []
    for formula in written:
        try:
            found.append(inspect.cleandoc(inspect.getsource(formula)))
        except (OSError, TypeError):
            continue
    return found


def check_of(row: Row) -> dict[str, Any]:
    """Return one row as a dict."""
    entry: dict[str, Any] = {
        "check": row.check,
        "order": row.order,
        "input": row.input,
        "shape": list(row.shape),
        "verdict": row.verdict,
        "error": row.error,
        "estimate": row.estimate,
        "digits": round(row.digits, 2),
        "method": row.method,
        "kinks": row.kinks,
        "jumps": row.jumps,
        "slope": row.slope,
        "message": row.message,
    }
    if row.verdict == FAIL and row.numeric is not None:
        entry["analytic"], entry["numeric"] = np.asarray(row.analytic).tolist(), np.asarray(row.numeric).tolist()
    return entry


def summarize(document: Document, seconds: float) -> None:
    """Count the cases."""
    cases = document["cases"]
    verdicts = [case["verdict"] for case in cases]
    document["summary"] = {
        "ops": len({case["op"] for case in cases}),
        "cases": len(cases),
        "passed": verdicts.count(PASS),
        "failed": verdicts.count(FAIL),
        "inconclusive": verdicts.count(CANNOT_TELL),
        "seconds": round(seconds, 3),
    }


def joined(documents: Sequence[Document]) -> Document:
    """Return the first document with the cases and devices of the others, runs of the same on other devices."""
    document = documents[0]
    for other in documents[1:]:
        document["cases"] += other["cases"]
        document["environment"]["devices"] = other["environment"]["devices"]
        summarize(document, document["summary"]["seconds"] + other["summary"]["seconds"])
    return document


def verdict_of(document: Document) -> str:
    """Return the verdict on the whole run: a mutant that survives is a failure of the suite."""
    if document.get("mutants", {}).get("survived"):
        return FAIL
    return worst_verdict(case["verdict"] for case in document["cases"])


def closing_line(document: Document) -> str:
    """Return the run in one line: ``84 ops, 1,210 cases, 0 failed, 2 cannot tell; 3,400 mutants, 0 survived``."""
    s = document["summary"]
    names = {case["op"] for case in document["cases"]}
    kinds = {"op": 0, "layer": 0, "optimizer": 0}
    for name in names:
        kinds["layer" if name.startswith("nn.") else "optimizer" if name.startswith("optim.") else "op"] += 1
    counts = [counted(n, kind) for kind, n in kinds.items() if n] or ["0 ops"]
    text = f"{', '.join(counts)}, {counted(s['cases'], 'case')}, {s['failed']:,} failed, {s['inconclusive']:,} cannot tell"
    if "mutants" in document:
        m = document["mutants"]
        text += f"; {m['total']:,} mutants, {m['survived']:,} survived"
    return f"{text} ({s['seconds']:.1f} s)"


def counted(n: int, noun: str) -> str:
    """Return a number of things: ``1 op``, ``2 ops``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def to_json(document: Document, indent: int | None = 1) -> str:
    """Return the document as JSON."""
    return json.dumps(_finite(document), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
