"""Samples of ops by name, and each as a problem to check."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from minigrad import distributed as distributed  # its ops are checked, too
from minigrad.core.op import OPS, Op
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.samples import Sample, sample_function


def op_names() -> list[str]:
    """Return the names of minigrad's own ops."""
    return sorted(name for name, op in OPS.items() if op.__module__.startswith("minigrad."))


def family_of(op: Op) -> str:
    """Return the name of the file that an op stands in; its samples stand in one of that name, or of a wider family."""
    return op.__module__.rpartition(".")[2]


@cache
def samples_of(name: str, seed: int = 0) -> tuple[Sample, ...]:
    """Return the samples of the op called ``name``."""
    generate = sample_function(name, family_of(OPS[name]) if name in OPS else "")
    if generate is None:
        raise LookupError(f"op {name!r} has no samples: write a generator for it in minigrad/gradcheck/samples")
    return tuple(generate(np.random.default_rng(seed)))


def differentiable(op: Op, sample: Sample) -> list[int]:
    """Return the positions of the inputs of a sample that have a formula and can be differentiated."""
    have_formula = {name for f in op.formulas for name in f.inputs}
    names = [op.inputs[0] if op.variadic else op.inputs[i] for i in range(len(sample.args))]
    return [
        i
        for i, (a, name) in enumerate(zip(sample.args, names, strict=True))
        if isinstance(a, np.ndarray) and a.dtype.kind == "f" and name in have_formula
    ]


def problem_of(op: Op, sample: Sample) -> Problem:
    """Return the check of ``op`` at a sample."""
    names = [op.input_name(i) for i in range(len(sample.args))]
    return Problem(partial(op, **sample.params), sample.args, differentiable(op, sample), names)
