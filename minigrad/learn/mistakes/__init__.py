"""Which mistake a wrong gradient shows: rules that know no function, only numbers.

`recognise` takes what `minigrad.gradcheck` returned and gives `Mistake` objects: data, no text for one purpose. A rule is a
function of the `Evidence` (the true Jacobian, the learner's, the inputs) that yields mistakes; `RULES` lists them, the special
before the general, and the first that yields anything is believed. What is said about each mistake, on three levels, stands
in words.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minigrad.learn.mistakes import contributions, cotangents, elementwise, running, second_order, softmax, terms, whole
from minigrad.learn.mistakes.evidence import Evidence
from minigrad.learn.mistakes.mistake import Levels, Mistake

if TYPE_CHECKING:
    from minigrad.gradcheck import Result

__all__ = ["RULES", "Evidence", "Mistake", "recognise", "words"]

Rule = Callable[[Evidence], Iterable[Mistake]]

RULES: tuple[Rule, ...] = (
    running.numpy_in_formula,
    running.transposed_stack,
    running.shapes,
    cotangents.not_finite,
    cotangents.ignored,
    cotangents.added,
    cotangents.twice,
    second_order.detached,
    whole.zero,
    whole.swapped,
    whole.constant_factor,
    whole.times_an_input,
    whole.factor_for_each_row,
    whole.factor_for_each_column,
    whole.other_factor,
    whole.wrong_axis,
    softmax.cross_entropy,
    contributions.mean_of_copies,
    contributions.elsewhere,
    contributions.lost,
    elementwise.one_sided,
    elementwise.value_for_slope,
    elementwise.power,
    terms.weight_outside_the_mean,
    terms.of_a_normalization,
)


def recognise(result: Result, filename: str = "") -> list[Mistake]:
    """Return the mistakes that explain why a gradient check failed, as far as a rule knows them.

    Parameters
    ----------
    result
        Of a check that failed.
    filename
        The file with the formula; a mistake that has a line has it there.
    """
    evidence = Evidence(result, filename)
    if not evidence.failed:
        return []
    with np.errstate(all="ignore"):
        for rule in RULES:
            try:
                found = list(dict.fromkeys(rule(evidence)))
            except Exception:  # raised by the formula, for a cotangent or a point that the check did not try
                continue
            if found:
                return found
    return []


@cache
def words() -> dict[str, Levels]:
    """Return the three levels of words for each mistake, by its id."""
    path = Path(__file__).parent / "words.toml"
    return {id: (one, two, three) for id, (one, two, three) in tomllib.loads(path.read_text(encoding="utf-8")).items()}
