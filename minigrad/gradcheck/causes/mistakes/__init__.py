"""Functions that people write backward passes for, and the mistakes they make in them, each with the gradient it gives.

A function is recognised by its values: if what is checked computes what one of these computes, its gradient is compared with that
of every mistake. The formulas here are written out for one purpose, to be wrong in a known way, and use NumPy alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigrad.gradcheck.causes.mistakes.classification import cross_entropies, softmaxes
from minigrad.gradcheck.causes.mistakes.function import RecognisedFunction, Vector
from minigrad.gradcheck.causes.mistakes.matrix_product import matrix_products
from minigrad.gradcheck.causes.mistakes.normalization import centrings, normalizations
from minigrad.gradcheck.causes.mistakes.pooling import max_pools
from minigrad.gradcheck.causes.mistakes.selection import selections

Family = Callable[[list[Any], Vector, Vector], Iterator[RecognisedFunction]]
FAMILIES: tuple[Family, ...] = (normalizations, centrings, cross_entropies, softmaxes, matrix_products, max_pools, selections)


def recognised(args: list[Any], y: Vector, v: Vector) -> Iterator[RecognisedFunction]:
    """Yield the functions that map ``args`` to ``y``, with the gradients that their mistakes give for the cotangent ``v``.

    Of the arguments the first is an array, or nothing is recognised; others may be missing (None), or numbers.
    """
    for family in FAMILIES if args and isinstance(args[0], np.ndarray) else ():
        try:
            yield from family(args, y, v)
        except (ValueError, IndexError, TypeError):  # the arguments are not of the kind this family takes
            continue
