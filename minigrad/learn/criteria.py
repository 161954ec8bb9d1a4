"""What criteria are written with: `near` compares numbers, `gradient` checks a formula, `Failed` says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.core.op import Op
from minigrad.gradcheck import Result, Row, gradcheck

Formula = Callable[..., Any]

#: what the engine says of a formula that ran and returned what it must not; it names the function as the criterion does, not as the learner
_RETURNED = re.compile(r"backward raised \w+: \w+'s formula for (.*)", re.DOTALL)


class Failed(Exception):
    """A criterion does not hold.

    Parameters
    ----------
    facts
        What was seen and what was expected, in one sentence.
    evidence
        What the learner's code gave, as an array; a known wrong answer that gives the same is recognised by it.
    result
        The gradient check that failed.
    row
        Of that check the row that tells most.
    """

    def __init__(self, facts: str, evidence: Any = None, result: Result | None = None, row: Row | None = None) -> None:
        super().__init__(facts)
        self.facts, self.evidence, self.result, self.row = facts, evidence, result, row

    @property
    def is_of_programming(self) -> bool:
        """Whether the formula ended in an error, returned no gradients or changed an argument, whatever its mathematics."""
        return self.row is not None and self.row.check in ("runs", "pure backward", "repeatable")

    @property
    def todo(self) -> bool:
        """Whether the formula is still to be written."""
        return self.is_of_programming and "NotImplementedError" in self.facts


def rng(seed: int = 0) -> np.random.Generator:
    """Return a generator of random numbers that are the same in every check."""
    return np.random.default_rng(seed)


def near(right: Any, yours: Any, what: str, tolerance: float = 1e-9) -> None:
    """Ask that two arrays agree, in shape and to ``tolerance`` relative to the largest number of the right one."""
    a = np.asarray(right)
    if yours is None:
        raise Failed(f"{what}: you have None; is a return missing?")
    try:
        b = np.asarray(getattr(yours, "data", yours) if hasattr(yours, "node") else yours, dtype=a.dtype)
    except (TypeError, ValueError):
        raise Failed(
            f"{what}: you have {_short(yours)}, it must be {'a number' if not a.ndim else f'an array of shape {a.shape}'}"
        ) from None
    if a.shape != b.shape:
        raise Failed(f"{what}: your shape is {b.shape}, it must be {a.shape}", b)
    gap = np.abs(a - b)
    close = gap <= tolerance * max(1e-300, np.abs(a).max(initial=0.0))
    if close.all():
        return
    at = np.unravel_index(int(np.where(close, -1.0, np.where(np.isnan(gap), np.inf, gap)).argmax()), a.shape) if a.ndim else ()
    raise Failed(f"{what}: {place(at)}you have {number(b[at], a[at])}, it must be {number(a[at], b[at])}", b)


def gradient(
    forward: Callable[..., Any], inputs: Sequence[Any], vjp: dict[str, Formula] | Formula, order: int = 1, wrt: Any = None
) -> None:
    """Ask that gradcheck agrees with the learner's formulas for a function of arrays.

    ``forward`` is written as an op is, ``forward(xp, x, ...)``; ``vjp`` is a formula for each input by name, or one for all.
    """
    op = Op(forward)
    for name, value in zip(op.inputs, inputs, strict=True):
        if getattr(value, "dtype", np.dtype(float)).kind in "iu":
            op.nondiff(**{name: "integers"})
    if callable(vjp):
        op.vjp(*op.inputs)(vjp)
    else:
        op.vjp(**vjp)
    verdict(gradcheck(op, list(inputs), order=order, wrt=wrt))


def verdict(result: Result) -> None:
    """Ask that a gradient check passed."""
    if result.ok:
        return
    row = _row_to_show(result)
    raise Failed(_facts(row), result=result, row=row)


def _row_to_show(result: Result) -> Row:
    """The row that tells most: an error, an argument that is changed, else numbers that differ, else whatever failed."""
    failed = [row for row in result.rows if row.verdict != "pass"]
    for check in ("runs", "pure backward", "derivative"):
        rows = [row for row in failed if row.check == check]
        if rows:
            return max(rows, key=lambda row: row.error)
    return failed[0]


def _facts(row: Row) -> str:
    whose = f"the gradient for {row.input}" if row.order == 1 else f"the derivative of your gradient (order {row.order}) for {row.input}"
    if row.check == "derivative" and row.analytic is not None and np.shape(row.analytic) == np.shape(row.numeric):
        yours, right = np.asarray(row.analytic), np.asarray(row.numeric)
        gap = np.abs(yours - right)
        at = np.unravel_index(int(np.where(np.isnan(gap), np.inf, gap).argmax()), gap.shape) if gap.ndim else ()
        numbers = f"{place(at)}you have {number(yours[at], right[at])}, it must be {number(right[at], yours[at])}"
        return f"{whose} is not the derivative: {numbers}"
    if row.check == "runs":
        message = row.message.partition("; in the ")[0]
        returned = _RETURNED.match(message)
        return f"your formula for {returned[1]}" if returned else message.replace("backward raised ", "the formula stops with ", 1)
    if row.check == "pure backward":
        changed = f"its argument {row.input}" if row.input else "its argument g"
        return f"your formula changes {changed} in place (as x -= y does): write x = x - y, which makes another array"
    if row.check == "repeatable":
        return "your formula gives another gradient the second time: does it change an argument in place (as x -= y does)?"
    return f"{row.check}: {row.message}"


def place(at: Sequence[Any]) -> str:
    """Return where an element stands, as words before it."""
    return f"at [{', '.join(str(int(i)) for i in at)}] " if len(at) else ""


def number(value: Any, beside: Any) -> str:
    """Return a number with as many digits as tell it from another, four at least."""
    for digits in range(4, 17):
        text = f"{value:.{digits}g}"
        if text != f"{beside:.{digits}g}":
            return text
    return text


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
