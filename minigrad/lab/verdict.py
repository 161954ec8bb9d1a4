"""The verdict: computed from a rule and the quantities of one block of seeds, or of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from minigrad.lab.experiment import Condition, Effect, Experiment
from minigrad.training.statistics import t_interval

REPRODUCED, NOT_REPRODUCED, DEPENDS, NO_EFFECT = "reproduced", "not reproduced", "depends", "no effect found"

Quantities = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Verdict:
    """What became of a claim.

    Attributes
    ----------
    word : reproduced, not reproduced, depends or no effect found
    because : what of the rule holds, and what does not, with the figures
    provisional : it rests on an effect that no second block of seeds has confirmed
    """

    word: str
    because: tuple[str, ...] = field(default=())
    provisional: bool = False

    def __str__(self) -> str:
        return f"{self.word} (provisional)" if self.provisional else self.word


def judge(experiment: Experiment, blocks: Sequence[Quantities]) -> Verdict:
    """Apply the rule of an experiment.

    Parameters
    ----------
    blocks
        Quantities of one block of seeds or of disjoint ones. Effects are looked for in the first and confirmed by the others;
        conditions must say the same in all, or the verdict depends, on the seeds.

    Raises
    ------
    ValueError
        If a quantity of the rule was not measured.
    """
    for part in (*experiment.rule, *experiment.refuted):
        if part.quantity not in blocks[0]:
            raise ValueError(f"the rule is about {part.quantity!r}, which was not measured; there are {', '.join(blocks[0])}")
    verdicts = [_of_block(experiment, block, [other for other in blocks if other is not block]) for block in blocks]
    words = {verdict.word for verdict in verdicts}
    if len(words) == 1:
        return verdicts[0]
    effects_only = all(isinstance(part, Effect) for part in experiment.rule)
    because = tuple(f"seeds of block {i + 1}: {v.word}: {line}" for i, v in enumerate(verdicts) for line in v.because)
    return Verdict(NO_EFFECT if effects_only else DEPENDS, because)


def _of_block(experiment: Experiment, block: Quantities, others: Sequence[Quantities]) -> Verdict:
    outcomes = [_outcome(part, block, others) for part in experiment.rule]
    because = tuple(_line(part, outcome) for part, outcome in zip(experiment.rule, outcomes, strict=True))
    held = [outcome[0] for outcome in outcomes]
    provisional = any(isinstance(part, Effect) for part in experiment.rule) and not others
    if all(held):
        return Verdict(REPRODUCED, because, provisional)
    if experiment.refuted:
        also = [(part, _outcome(part, block, others)) for part in experiment.refuted]
        because += tuple(_line(part, outcome) for part, outcome in also)
        return Verdict(NOT_REPRODUCED if all(o[0] for _, o in also) else DEPENDS, because, provisional)
    if any(held):
        return Verdict(DEPENDS, because, provisional)
    opposite = any(outcome[2] for outcome in outcomes)
    effects_only = all(isinstance(part, Effect) for part in experiment.rule)
    return Verdict(NO_EFFECT if effects_only and not opposite else NOT_REPRODUCED, because, provisional)


def _outcome(part: Condition | Effect, block: Quantities, others: Sequence[Quantities]) -> tuple[bool, str, bool]:
    """Return whether a part of the rule holds, its figures, and whether the opposite effect is found."""
    values = list(block[part.quantity])
    if isinstance(part, Condition):
        return part.holds(values), _figures(values), False
    if len(values) < 2:
        return False, "one seed has no interval", False
    interval = t_interval(values)
    size = part.sign * interval.mean
    repeats = all(sum(other[part.quantity]) * interval.mean > 0 for other in others)
    found = abs(size) >= part.least and interval.excludes_zero and repeats
    elsewhere = "".join(f"; other seeds {sum(o[part.quantity]) / len(o[part.quantity]):+.3g}" for o in others)
    return found and size > 0, f"{interval}{elsewhere}", found and size < 0


def _line(part: Condition | Effect, outcome: tuple[bool, str, bool]) -> str:
    return f"{'holds' if outcome[0] else 'does not hold'}: {part} ({outcome[1]})"


def _figures(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
