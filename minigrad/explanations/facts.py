"""What follows from the declaration of an op: its formulas as written, what they keep, where it has no derivative."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.op import OPS, Op
from minigrad.core.tensor import Tensor
from minigrad.explore.formulas import code_of
from minigrad.gradcheck.samples import Sample
from minigrad.gradcheck.samples.problems import differentiable, samples_of
from minigrad.ops.families import is_elementwise

POINTS = np.arange(-13, 14) / 2  #: where an elementwise function is looked at
STEP = 1e-6


class Rule(NamedTuple):
    """A gradient: of which inputs, as which code, and what the graph saves for it."""

    inputs: tuple[str, ...]
    saves: tuple[str, ...]
    code: str


class Kept(NamedTuple):
    """What an application of an op keeps in memory."""

    name: str
    shape: tuple[int, ...]
    bytes: int


class Corner(NamedTuple):
    """A point without a derivative: the slopes on both sides, and the gradient there."""

    at: str
    left: float
    right: float
    gradient: float


def rules(op: Op) -> list[Rule]:
    """Return the gradients that have a formula."""
    return [Rule(f.inputs, tuple(f.saves), code_of(f.function)) for f in op.formulas if not set(f.inputs) <= op.zeros]


def samples(op: Op) -> tuple[Sample, ...]:
    """Return the calls that gradcheck tries; none for an op that has no samples."""
    try:
        return samples_of(op.name) if OPS.get(op.name) is op else ()
    except LookupError:
        return ()


def kept(op: Op, sample: Sample) -> list[Kept]:
    """Apply the op to a sample, and return what its node saved."""
    live = differentiable(op, sample)
    args = [Tensor(a, requires_grad=i in live) if isinstance(a, np.ndarray) else a for i, a in enumerate(sample.args)]
    outputs = op(*args, **sample.params)
    node = next((y.node for y in (outputs if isinstance(outputs, tuple) else (outputs,)) if y.node is not None), None)
    if node is None:
        return []
    node = getattr(node, "source", node)
    found = []
    for name, value in zip(node.plan.saves, node.saved, strict=True):
        arrays = [a for a in (value if isinstance(value, tuple) else (value,)) if isinstance(a, np.ndarray)]
        found += [Kept(name, a.shape, a.nbytes) for a in arrays]
    return found


def corners(op: Op) -> list[Corner]:
    """Return the points, among those looked at, where an elementwise op has two slopes or an infinite one.

    A function of one input is looked at in steps of 1/2 from -6.5 to 6.5; one of two at equal inputs, along the first.
    """
    calls = samples(op)
    if not calls or not is_elementwise(op) or op.variadic:
        return []
    sample = calls[0]
    arrays = [i for i, a in enumerate(sample.args) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
    if not arrays or arrays != differentiable(op, sample) or arrays[0] != 0 or len(arrays) > 2 or len(arrays) < len(sample.args):
        return []
    f: Callable[..., Any] = partial(op, **sample.params)
    points = POINTS if len(arrays) == 1 else np.array([0.0, 1.0])
    others = [points] * (len(arrays) - 1)
    with np.errstate(all="ignore"):
        here, before, after = (np.asarray(f(points + h, *others)) for h in (0.0, -STEP, STEP))
        left, right = (here - before) / STEP, (after - here) / STEP
        x = Tensor(points, requires_grad=True)
        f(x, *others).sum().backward()
        bent = ~(np.abs(left - right) <= 1e-3 * np.maximum(1, np.abs(left))) & np.isfinite(here)
    gradient = np.zeros_like(points) if x.grad is None else x.grad.data
    place = "x = {0:g}" if len(arrays) == 1 else f"{op.inputs[0]} = {op.inputs[1]} = {{0:g}}"
    return [Corner(place.format(points[i]), float(left[i]), float(right[i]), float(gradient[i])) for i in np.flatnonzero(bent)]
