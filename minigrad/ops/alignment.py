"""Alignments of a sequence of inputs with a shorter one of labels, all of them at once: what the CTC loss sums over.

Time is the first axis; N is the batch. An alignment is at one of S places at every step, and goes on by 0, 1 or, where it may,
2 places. The products of probabilities are sums of their logarithms here, so that none vanishes, however long the sequence.
"""

from __future__ import annotations

import math
from typing import Any

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.cumulative import shifted
from minigrad.ops.elementwise import exp, where
from minigrad.ops.joining import concat, stack
from minigrad.ops.shape import expand_dims
from minigrad.ops.special import logaddexp

__all__ = ["ctc_alpha"]


@op
def ctc_alpha(xp: Namespace, x: Array, start: Array, jump: Array) -> Array:
    """The forward variables of CTC: the logarithm of the summed weights of all ways to be at place s after step t.

    y[t, s] = x[t, s] + log(e^y[t-1, s] + e^y[t-1, s-1] + e^y[t-1, s-2] where jump[s]), with ``start`` before
    the first step. (Graves et al., "Connectionist temporal classification", 2006, equations 5 to 7; what this op sends backward
    are the shares that equations 10 to 14 compute with backward variables.)

    Parameters
    ----------
    x : (T, N, S), the logarithm of the weight of being at a place in a step
    start : (N, S)
    jump : (N, S), booleans: where a place may be reached from the last but one before it

    Returns
    -------
    y : (T, N, S)

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    if x.ndim != 3 or not x.shape[0] or x.shape[1:] != start.shape or start.shape != jump.shape:
        expected = "(T, N, S) with at least one step, and twice (N, S)"
        raise ValueError(f"ctc_alpha: x has shape {x.shape}, start {start.shape}, jump {jump.shape}; expected {expected}")
    if jump.dtype.kind != "b":
        raise TypeError(f"ctc_alpha: jump is {jump.dtype}; expected booleans")
    y = xp.empty(x.shape, dtype=xp.result_type(x, start))
    before = start
    for t in range(x.shape[0]):
        ways = xp.logaddexp(before, _one_on(before))
        y[t] = before = x[t] + xp.logaddexp(ways, xp.where(jump, _one_on(_one_on(before)), -math.inf))
    return y


@ctc_alpha.vjp("x", "start")
def ctc_alpha_gradients(g: Array, start: Array, jump: Array, y: Array) -> tuple[Array, ...]:
    # what of each place came by going on by 0, 1 and 2: their shares of its sum
    before = concat([expand_dims(start, 0), y[:-1]])
    by_1, by_2 = _one_on(before), where(jump, _one_on(_one_on(before)), -math.inf)
    level = logaddexp(logaddexp(before, by_1), by_2)
    level = where(level == -math.inf, 0, level)  # no way leads there: nobody has a share
    stays, steps, jumps = exp(before - level), exp(by_1 - level), exp(by_2 - level)
    d: Any = 0  # what later steps contribute
    dx: list[Array] = []
    for t in reversed(range(g.shape[0])):
        dx.append(g[t] + d)
        d = stays[t] * dx[-1] + _one_back(steps[t] * dx[-1]) + _one_back(_one_back(jumps[t] * dx[-1]))
    return stack(dx[::-1]), d


ctc_alpha.nondiff(jump="booleans")


def _one_on(x: Array) -> Array:
    """Move everything one place on; nothing comes in."""
    return shifted(x, by=1, fill=-math.inf)


def _one_back(x: Array) -> Array:
    return shifted(x, by=-1, fill=0)
