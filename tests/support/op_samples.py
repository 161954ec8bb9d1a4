"""Calling an op on a sample, on the host or on the pretended device, and comparing the two."""

from __future__ import annotations

from typing import Any

import numpy as np
from support.strict import ndarray

import minigrad as mg
from minigrad.backends import is_array
from minigrad.core.device import move, to_host
from minigrad.core.op import OPS
from minigrad.core.tensor import Tensor, wrap
from minigrad.gradcheck.numerics.problem import pull
from minigrad.gradcheck.samples import Sample, all_samples
from minigrad.gradcheck.samples.problems import differentiable, op_names

OTHERS = {"transfer"}  # is about devices itself, and tested below
NAMES = [name for name in op_names() if name in all_samples() and name not in OTHERS]  # that none is missing is tested in test_ops.py


def computed(name: str, sample: Sample, create_graph: bool, first_only: bool = False, first: float = 1.0) -> tuple[list[Any], list[Any]]:
    """Outputs, and gradients for seeded cotangents (of all outputs, or of the first), wherever the sample is.

    ``first`` is a factor of the very first number of the cotangents.
    """
    op = OPS[name]
    args = [wrap(a, None) if is_array(a) else a for a in sample.args]
    leaves = []
    host = [to_host(a.data) if isinstance(a, Tensor) else a for a in args]
    for i in differentiable(op, Sample(*host, **sample.params)):
        args[i] = Tensor(args[i].data, requires_grad=True)
        leaves.append(args[i])
    result = op(*args, **sample.params)
    outputs = [y for y in (result if isinstance(result, tuple) else (result,)) if y.dtype.kind == "f"]
    rng = np.random.default_rng(5)
    numbers = [rng.standard_normal(y.shape).astype(y.dtype) for y in outputs]
    if numbers and numbers[0].size:
        numbers[0].flat[0] *= first
    cotangents = [wrap(move(g, y.device), None) for g, y in zip(numbers, outputs, strict=True)]
    cotangents[1:] = [None] * len(cotangents[1:]) if first_only else cotangents[1:]
    return outputs, pull(outputs, leaves, cotangents, create_graph=create_graph)


def on_device(sample: Sample) -> Sample:
    """The sample with its arrays, those in indices too, on the device."""

    def moved(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(moved(item) for item in value)
        return move(value, mg.Device("cuda")) if isinstance(value, np.ndarray) else value

    return Sample(*moved(sample.args), **{name: moved(value) for name, value in sample.params.items()})


def equal(got: Any, expected: Any, context: Any) -> None:
    assert (got is None) == (expected is None), context
    if got is not None:
        assert isinstance(got.data, ndarray), f"{context}: a result left the device"
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype), context
        np.testing.assert_allclose(to_host(got.data), expected.data, rtol=1e-11, atol=1e-13, err_msg=str(context))
