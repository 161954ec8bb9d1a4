"""Explanations of ops: what follows from a declaration, and derivations of which every line is executed.

`explain` takes an op; ``minigrad explain OP`` is the same as a command.
"""

from __future__ import annotations

from minigrad.explanations.derivation import Derivation, Line, derivation_of
from minigrad.explanations.explanation import Explanation, explain

__all__ = ["Derivation", "Explanation", "Line", "derivation_of", "explain"]
