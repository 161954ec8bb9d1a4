"""What holds for every registered op, on every sample of it; a new op is tested here without a line being written."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from minigrad.core.mode import changed_mode
from minigrad.core.op import OPS
from minigrad.core.tensor import Tensor, wrap
from minigrad.gradcheck.check import gradcheck
from minigrad.gradcheck.numerics.problem import Problem, flatten, pull
from minigrad.gradcheck.result import Result
from minigrad.gradcheck.samples import Sample, all_samples
from minigrad.gradcheck.samples.problems import differentiable, op_names, problem_of, samples_of

NAMES = op_names()


def cases(name: str) -> tuple[Sample, ...]:
    found = samples_of(name)
    assert found, f"the samples of op {name!r} are empty"
    return found


def function(name: str, sample: Sample) -> Any:
    return partial(OPS[name], **sample.params)


def wrt(name: str, sample: Sample) -> list[int]:
    return differentiable(OPS[name], sample)


def problem(name: str, sample: Sample) -> Problem:
    return problem_of(OPS[name], sample)


def check(name: str, sample: Sample, order: int = 1, directions: int | None = None) -> Result:
    return gradcheck(function(name, sample), sample.args, wrt=wrt(name, sample), order=order, directions=directions)


def gradients(name: str, sample: Sample, seed: int = 5) -> tuple[list[Tensor], list[Any]]:
    """Outputs and gradients for a random cotangent, computed on arrays."""
    p = problem(name, sample)
    outputs, pull = p.pullback(p.inputs)
    rng = np.random.default_rng(seed)
    return outputs, pull([rng.standard_normal(y.shape) for y in outputs])


def same(a: Any, b: Any) -> None:
    assert (a is None) == (b is None)
    if a is not None:
        assert a.shape == b.shape
        np.testing.assert_allclose(a.data, b.data, rtol=1e-12, atol=1e-300)


def map_arrays(sample: Sample, change: Any) -> Sample:
    """The sample with its floating-point arrays changed."""
    return Sample(*[change(a) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in sample.args], **sample.params)


per_op = pytest.mark.parametrize("name", NAMES)


@per_op
def test_gradcheck_along_two_directions(name: str) -> None:
    for sample in cases(name):
        if wrt(name, sample):
            result = check(name, sample, directions=2)
            assert result.ok, f"{sample}\n{result}"


@pytest.mark.thorough
@per_op
def test_gradcheck_to_the_second_order(name: str) -> None:
    directions = 2 if name.startswith("sync_") else None  # ranks are threads here: each element takes as long as a small op
    for sample in cases(name):
        if wrt(name, sample):
            result = check(name, sample, order=2, directions=directions)
            assert result.ok, f"{sample}\n{result}"


@per_op
def test_a_formula_spoiled_by_one_percent_fails(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 8, for each input of each formula: some sample shows it."""
    op = OPS[name]
    if not any(wrt(name, sample) for sample in cases(name)):
        assert all(set(f.inputs) <= op.zeros for f in op.formulas), "no sample differentiates this op"
        pytest.skip("the op has no derivative")
    for formula in op.formulas:
        if set(formula.inputs) <= op.zeros:
            continue
        right = formula.function
        for k in range(1 if op.variadic else len(formula.inputs)):

            def spoiled(*args: Any, k: int = k, right: Any = right, **params: Any) -> Any:
                result = right(*args, **params)
                if not isinstance(result, (tuple, list)):
                    return result * 1.01
                return tuple(r * 1.01 if i == k and r is not None else r for i, r in enumerate(result))

            monkeypatch.setattr(formula, "function", spoiled)
            op.plans.clear()
            with changed_mode(plain=True):
                caught = any(not check(name, sample).ok for sample in cases(name) if wrt(name, sample))
            monkeypatch.undo()
            op.plans.clear()
            assert caught, f"the gradient of {op.inputs} by formula {formula.inputs}, item {k}, is 1 % wrong and no sample shows it"


@per_op
def test_array_mode_equals_tensor_mode(name: str) -> None:
    for sample in cases(name):
        p = problem(name, sample)
        if not p.wrt:
            continue
        xs = [Tensor(x, requires_grad=True) for x in p.inputs]
        outputs = p.outputs(xs)
        rng = np.random.default_rng(5)
        cotangents = [wrap(rng.standard_normal(y.shape), None) for y in outputs]
        for a, b in zip(pull(outputs, xs, cotangents), pull(outputs, xs, cotangents, create_graph=True), strict=True):
            same(a, b)


@per_op
def test_inputs_are_not_modified(name: str) -> None:
    for sample in cases(name):
        before = [a.copy() if isinstance(a, np.ndarray) else a for a in sample.args]
        gradients(name, sample)
        for old, new in zip(before, sample.args, strict=True):
            np.testing.assert_array_equal(old, new)


@per_op
def test_dtype_is_kept(name: str) -> None:
    for sample in cases(name):
        p = problem(name, sample)
        if not p.wrt:
            continue
        reference = problem(name, sample).outputs([wrap(x, None) for x in p.inputs])
        low = map_arrays(sample, lambda a: a.astype(np.float32))
        outputs, grads = gradients(name, low)
        if sample.params.get("dtype") is None:
            assert [y.dtype for y in outputs] == [np.float32] * len(reference), sample
        assert all(g is None or g.dtype == np.float32 for g in grads), sample


def strided(a: np.ndarray) -> np.ndarray:
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]) if a.ndim else ())
    view = wide[..., ::2] if a.ndim else wide
    view[...] = a
    return view


def fortran(a: np.ndarray) -> np.ndarray:
    return np.asfortranarray(a) if a.ndim else a  # NumPy would make one axis of none


def reversed_(a: np.ndarray) -> np.ndarray:
    everywhere = (slice(None, None, -1),) * a.ndim
    return np.ascontiguousarray(a[everywhere])[everywhere] if a.ndim else a


def read_only(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a.flags.writeable = False
    return a


@per_op
@pytest.mark.parametrize("view", [fortran, strided, reversed_, read_only])
def test_any_memory_layout_gives_the_same(name: str, view: Any) -> None:
    for sample in cases(name):
        if wrt(name, sample):
            expected_out, expected = gradients(name, sample)
            outputs, grads = gradients(name, map_arrays(sample, view))
            for a, b in zip([*outputs, *grads], [*expected_out, *expected], strict=True):
                if a is not None and b is not None:
                    np.testing.assert_allclose(a.data, b.data, rtol=1e-9, atol=1e-12)


@per_op
def test_the_same_tensor_twice(name: str) -> None:
    """Where two inputs have one shape, both may be one tensor, whose gradient is the sum of the two."""
    for sample in cases(name):
        positions = wrt(name, sample)
        if len(positions) < 2 or sample.args[positions[0]].shape != sample.args[positions[1]].shape:
            continue
        first, second = positions[:2]
        args = list(sample.args)
        args[second] = args[first].copy()
        twice = Sample(*args, **sample.params)
        with np.errstate(all="ignore"):
            _, apart = gradients(name, twice)
            x = Tensor(args[first], requires_grad=True)
            result = function(name, sample)(*[x if i in (first, second) else a for i, a in enumerate(args)])
            outputs = [y for y in flatten(result) if y.dtype.kind == "f"]
        rng = np.random.default_rng(5)
        with np.errstate(all="ignore"):
            (together,) = pull(outputs, [x], [rng.standard_normal(y.shape) for y in outputs])
        parts = [g.data for i, g in zip(positions, apart, strict=True) if i in (first, second) and g is not None]
        if together is not None and parts:
            np.testing.assert_allclose(together.data, sum(parts), rtol=1e-9, atol=1e-12)


@per_op
def test_every_parameter_is_tried_at_another_value_than_its_default(name: str) -> None:
    op = OPS[name]
    for param, default in op.params.items():
        assert any(param in s.params and s.params[param] is not default and s.params[param] != default for s in cases(name)), (
            f"no sample of {name} sets {param} to anything but {default!r}"
        )


def test_samples_are_of_ops_that_exist() -> None:
    assert set(all_samples()) <= set(OPS)
