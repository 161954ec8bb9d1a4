"""Of wrong gradients, how many does gradcheck name? The tables of docs/diagnosis.md are this program's output.

    python benchmarks/diagnoses.py [--part K] [--processes N]

*Mutants.* The formulas of minigrad's ops, changed in one place, are written into files, as a user's op would stand in one, and checked at
the first sample at which they are wrong. Of the thousands of mutants one in K is taken, by a hash of its text. A sentence that does not
hold at the same sample with other numbers is false.

*The exercises.* Each known wrong answer of ``minigrad learn`` says which mistake it is, and its gradient is put to the rules.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import tempfile
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.core.mode import changed_mode
from minigrad.core.op import OPS, Op
from minigrad.gradcheck import Result
from minigrad.gradcheck.mutants.changes import NAMES, Mutant, mutants_of
from minigrad.gradcheck.mutants.source import put
from minigrad.gradcheck.samples.problems import differentiable, op_names, samples_of
from minigrad.learn.course import find
from minigrad.learn.laws import wrong_reports
from minigrad.learn.pool import Pool

PLACE = "the changed place, with what belongs there"
FACT = "what the gradient is (a factor, a sign, a lost term, ...)"
OTHER = "another change that makes the gradient right"
NOTHING, FALSE = "nothing", "something false"
OF_THESE_NUMBERS = {"few_elements"}  #: what says which elements are wrong, and may be right for others
RIGHT, OTHERWISE = "the mistake that it is", "another mistake"
KINDS = (PLACE, FACT, OTHER, NOTHING, FALSE)


def chosen(name: str, part: int) -> Iterator[tuple[int, Mutant]]:
    """Yield one in ``part`` of the mutants of an op, with the number of the formula."""
    op = OPS[name]
    for index, formula in enumerate(op.formulas):
        if not op.zeros.issuperset(formula.inputs):
            for mutant in mutants_of(op, index):
                key = f"{name} {index} {mutant.where} {mutant.change}"
                if not mutant.shared and zlib.crc32(key.encode()) % part == 0:
                    yield index, mutant


def written(mutant: Mutant, path: Path) -> tuple[Callable[..., Any], str]:
    """Write a changed formula into a file; return the function that stands there, and the text of the right one."""
    source, _, definition, parent, field, position = mutant.place
    name = "formula" if isinstance(definition, ast.Lambda) else definition.name

    def text() -> str:
        if isinstance(definition, ast.Lambda):
            return f"{name} = {ast.unparse(definition)}\n"
        decorators, definition.decorator_list = definition.decorator_list, []
        try:
            return ast.unparse(definition) + "\n"
        finally:
            definition.decorator_list = decorators

    right = text()
    assert mutant.old is not None
    put(parent, field, position, mutant.new)
    wrong = text()
    put(parent, field, position, mutant.old)
    path.write_text(wrong, encoding="utf-8")
    namespace = {**source.function.__globals__, **inspect.getclosurevars(source.function).nonlocals, **NAMES}
    exec(compile("from __future__ import annotations\n" + wrong, str(path), "exec"), namespace)
    path.write_text("from __future__ import annotations\n" + wrong, encoding="utf-8")
    return namespace[name], right


@contextmanager
def in_place(op: Op, index: int, function: Callable[..., Any]) -> Iterator[None]:
    """Let the op have another formula."""
    formula = op.formulas[index]
    right = formula.function
    try:
        formula.function = function
        op.plans.clear()
        with changed_mode(plain=True), np.errstate(all="ignore"):
            yield
    finally:
        formula.function = right
        op.plans.clear()


def rejected(op: Op, name: str, seed: int, only: int | None = None) -> tuple[int, Result] | None:
    """Return the first sample, by number, at which the op's gradient is wrong, and what gradcheck found there."""
    for number, sample in enumerate(samples_of(name, seed)):
        if only in (None, number) and differentiable(op, sample):
            result = mg.gradcheck(partial(op, **sample.params), sample.args, wrt=differentiable(op, sample))
            if not result.ok:
                return number, result
    return None


def what_is_said(op: Op, name: str, index: int, mutant: Mutant, folder: Path) -> str | None:
    """Return which of `KINDS` gradcheck says of a mutant; None if that does not run, or is right."""
    path = folder / f"formula_{len(list(folder.iterdir()))}.py"
    function, right = written(mutant, path)
    with in_place(op, index, function):
        found = rejected(op, name, 0)
        if found is None or any(row.check == "runs" for row in found[1].rows if row.verdict == "fail"):
            return None
        number, result = found
        repairs = [cause for cause in result.causes if cause.id == "repair"]
        said = {cause.id for cause in result.causes} - {"repair"}
        again = rejected(op, name, 1, number)
        if again is not None and said - OF_THESE_NUMBERS - {cause.id for cause in again[1].causes}:
            return FALSE
        if any(right in changed(cause.text, path.read_text(encoding="utf-8")) for cause in repairs):
            return PLACE
        return FACT if said else OTHER if repairs else NOTHING


def changed(sentence: str, text: str) -> Iterator[str]:
    """Yield what a text becomes by the change that a sentence asks for, at each place where it can be made."""
    before, _, after = sentence.rpartition(":  ")[2].partition(" -> ")
    lines = text.split("\n", 1)[1]
    at = lines.find(before)
    while at >= 0:
        yield lines[:at] + after + lines[at + len(before) :]
        at = lines.find(before, at + 1)


def of_an_op(name: str, part: int) -> list[tuple[str, str]]:
    """Return for each chosen mutant of an op what is said of it, and which it is."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        found = [(what_is_said(OPS[name], name, index, mutant, Path(folder)), mutant) for index, mutant in chosen(name, part)]
    return [(said, f"{name}: {mutant.change}") for said, mutant in found if said is not None]


def of_mutants(part: int, processes: int) -> list[tuple[str, str]]:
    names = [name for name in op_names() if not name.startswith("sync_")]  # their ranks are threads here, each for every number
    with ProcessPoolExecutor(processes) as pool:
        return [entry for entries in pool.map(partial(of_an_op, part=part), names) for entry in entries]


def of_exercises() -> Counter[str]:
    """Count by what the known wrong answers whose gradient is looked at are recognised."""
    with Pool() as pool:
        exercises = list(find(None).exercises.values())
        said: Counter[str] = Counter()
        for _, wrong, report in wrong_reports(exercises, pool):
            if report.gradient_checked:
                by_rule = {mistake.id for mistake in report.mistakes if mistake.by == "rule"}
                said[RIGHT if wrong.expect in by_rule else OTHERWISE if by_rule else NOTHING] += 1
    return said


def rows(said: Counter[str], kinds: tuple[str, ...]) -> list[str]:
    total = sum(said.values())
    return [f"| {kind} | {said[kind]} | {100 * said[kind] / total:.0f} % |" for kind in kinds]


def main() -> None:
    parser = argparse.ArgumentParser(description="How many wrong gradients gradcheck names.")
    parser.add_argument("--part", type=int, default=10, metavar="K", help="take one in K mutants (default: 10)")
    parser.add_argument("--processes", type=int, default=2, metavar="N")
    args = parser.parse_args()
    mutants = of_mutants(args.part, args.processes)
    said = Counter(kind for kind, _ in mutants)
    print(f"| of {len(mutants)} changed formulas, gradcheck says of | | |\n|---|---|---|")
    print(*rows(said, KINDS), sep="\n")
    exercises = of_exercises()
    print(f"\n| of {sum(exercises.values())} wrong gradients of the exercises, the rules say of | | |\n|---|---|---|")
    print(*rows(exercises, (RIGHT, OTHERWISE, NOTHING)), sep="\n")
    for kind in (FALSE, NOTHING):
        print(f"\n{kind}:")
        print(*[f"    {which}" for said_of, which in mutants if said_of == kind], sep="\n")


if __name__ == "__main__":
    main()
