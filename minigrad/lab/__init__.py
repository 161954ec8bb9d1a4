"""The lab: what is said about batch norm, as experiments with rules and verdicts. (Read experiment.py, then experiments/.)

Each file of `minigrad.lab.experiments` is a claim with its source, its data and settings, what is measured for a seed, and a rule as
data. The verdict is computed from the rule. ``minigrad lab list`` shows them, ``minigrad lab run NAME`` runs one.
"""

from minigrad.lab.experiment import Condition, Effect, Experiment, Findings
from minigrad.lab.registry import NAMES, load
from minigrad.lab.runner import run
from minigrad.lab.verdict import Verdict, judge

__all__ = ["NAMES", "Condition", "Effect", "Experiment", "Findings", "Verdict", "judge", "load", "run"]
