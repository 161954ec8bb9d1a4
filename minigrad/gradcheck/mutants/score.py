"""The mutation score: what becomes of every mutant of every formula, counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from minigrad.core.op import Op
from minigrad.gradcheck.mutants.changes import Mutant
from minigrad.gradcheck.mutants.equivalence import reason_for
from minigrad.gradcheck.mutants.planted import planted_in
from minigrad.gradcheck.mutants.runner import CRASHED, EQUIVALENT, KILLED, SURVIVED, MutantRunner


def outcomes(op: Op, name: str) -> Iterator[tuple[int, Mutant, str, str]]:
    """Yield every mutant of an op: number of its formula, mutant, outcome, and the reason if it is equivalent to the formula."""
    runner = MutantRunner(op, name)
    for index, mutant in (*runner.mutants(), *planted_in(op)):
        outcome = runner.outcome(index, mutant)
        reason = reason_for(runner, index, mutant) if outcome == EQUIVALENT else ""
        unexplained = outcome == EQUIVALENT and not reason
        yield index, mutant, SURVIVED if unexplained else outcome, reason


def mutation_score(ops: Mapping[str, Op]) -> dict[str, Any]:
    """Run the mutants of these ops; return the entry ``mutants`` of the document."""
    counts = dict.fromkeys(("total", KILLED, CRASHED, EQUIVALENT, SURVIVED), 0)
    by_op = {name: dict(counts) for name in ops}
    listed = []
    for name, op in ops.items():
        for index, mutant, outcome, reason in outcomes(op, name):
            for count in (counts, by_op[name]):
                count["total"] += 1
                count[outcome] += 1
            if outcome in (EQUIVALENT, SURVIVED):
                entry = {"op": name, "input": ", ".join(op.formulas[index].inputs), "where": mutant.where, "change": mutant.change}
                listed.append({**entry, "outcome": outcome, "reason": reason})
    return {**counts, "ops": by_op, "list": listed}
