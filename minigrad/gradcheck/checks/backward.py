"""What a function and its backward pass must do apart from being right: the checks before and around the derivative."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minigrad.backends import Array, is_array
from minigrad.device import device_of, to_host
from minigrad.gradcheck.numerics.differentiation import scale_of
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.result import CANNOT_TELL, FAIL, PASS, Row
from minigrad.tensor import Tensor

SLACK = 1e-9  #: relative rounding allowed between two ways to the same gradient, which may cancel to many digits less than they have


TYPICAL = 1e-3  #: of what a gradient usually is; beside it, one that is zero by an invariance is all rounding


class BadUse(ValueError):
    """Gradcheck was asked for something that cannot be checked; the message says what to do."""


def check_arguments(args: Sequence[Any], wrt: Sequence[int], names: Sequence[str]) -> None:
    """Refuse arguments whose derivative cannot be told: integers, float32, overlapping memory, infinities.

    Raises
    ------
    BadUse
        With one sentence.
    """
    if not wrt:
        kinds = ", ".join(str(a.dtype) for a in args if is_array(a)) or "no arrays"
        raise BadUse(f"there is nothing to differentiate: the inputs are {kinds}, and only floating-point arrays have a gradient")
    for i in wrt:
        a, name = args[i], names[i]
        if not is_array(a) or a.dtype.kind != "f":
            what = a.dtype if is_array(a) else type(a).__name__
            raise BadUse(f"{name} is {what}; only floating-point arrays have a gradient. Leave it out of wrt, or convert it to float64")
        if a.dtype != np.float64:
            raise BadUse(f"{name} is {a.dtype}, which is too coarse for a numerical derivative: pass float64, or upcast=True")
        if overlaps_itself(a):
            raise BadUse(f"{name} has elements that share memory (strides {a.strides}), so they cannot vary by themselves: pass a copy")
        if not np.isfinite(to_host(a)).all():
            raise BadUse(f"{name} has values that are infinite or not a number: there is no derivative there")
    for n, i in enumerate(wrt):
        for j in wrt[n + 1 :]:
            if args[i] is not args[j] and isinstance(args[i], np.ndarray) and np.shares_memory(args[i], args[j]):
                raise BadUse(f"{names[i]} and {names[j]} overlap in memory, so they cannot vary by themselves: pass copies")


def overlaps_itself(a: Array) -> bool:
    """Tell whether two elements of an array have the same place in memory."""
    axes = sorted((abs(stride), n) for stride, n in zip(a.strides, a.shape, strict=True) if n > 1)
    reach = a.itemsize
    for stride, n in axes:
        if stride < reach:
            offsets = np.zeros((1,) * a.ndim, np.int64)
            for axis, (step, length) in enumerate(zip(a.strides, a.shape, strict=True)):
                offsets = offsets + (step * np.arange(length)).reshape([-1 if k == axis else 1 for k in range(a.ndim)])
            return bool(len(np.unique(offsets)) < a.size)
        reach += stride * (n - 1)
    return False


def forward_rows(problem: Problem) -> Iterator[Row]:
    """Check the forward pass: it changes no argument, gives the same each time, and numbers that are finite."""
    before = [np.array(to_host(a)) if is_array(a) else a for a in problem.args]
    first = problem.value(problem.inputs)
    for i, (old, new) in enumerate(zip(before, problem.args, strict=True)):
        if is_array(new) and not np.array_equal(old, to_host(new), equal_nan=old.dtype.kind == "f"):
            problem.args[i][...] = old
            message = f"the function changed its argument {problem.names[i]} in place; it must compute a new array"
            yield Row("pure", 1, problem.names[i], old.shape, FAIL, message=message)
            return
    second = problem.value(problem.inputs)
    if first.shape != second.shape or not np.array_equal(first, second, equal_nan=True):
        gap = float(np.nanmax(np.abs(first - second))) if first.shape == second.shape else np.inf
        message = f"the function is random: two calls with equal inputs differ by {gap:.3g}. Fix what it draws, or pass the nn.Module"
        yield Row("deterministic", 1, "", first.shape, FAIL, message=message)
        return
    yield Row("pure", 1, "", (), PASS)
    yield Row("deterministic", 1, "", first.shape, PASS)
    if not np.isfinite(first).all():
        message = "the function is infinite or not a number at this point, which has no derivative: choose another"
        yield Row("finite", 1, "", first.shape, CANNOT_TELL, message=message)
    if not first.size and any(x.size for x in problem.inputs) and not problem.outputs([Tensor(x) for x in problem.inputs]):
        raise BadUse("the function returned no floating-point Tensor, so there is nothing to differentiate")


def backward_rows(
    problem: Problem, outputs: Sequence[Tensor], pull: Any, cotangents: Sequence[Sequence[Array]], order: int
) -> Iterator[Row]:
    """Check the backward pass as a linear function of the cotangents, given two of them."""
    names = [problem.names[i] for i in problem.wrt]
    v, w = ([np.array(part) for part in vs] for vs in cotangents[:2])
    v_before, x_before = [part.copy() for part in v], [np.array(to_host(x)) for x in problem.inputs]
    once = pull(v)

    def row(check: str, position: int, problem_found: str | None) -> Row:
        x = problem.inputs[position]
        return Row(check, order, names[position], x.shape, FAIL if problem_found else PASS, message=problem_found or "")

    changed = [k for k, (a, b) in enumerate(zip(v, v_before, strict=True)) if not np.array_equal(a, b)]
    if changed:
        v = v_before
        yield Row("pure backward", order, "", (), FAIL, message=f"backward changed the cotangent of output {changed[0]} in place")
        return
    for k, (x, old) in enumerate(zip(problem.inputs, x_before, strict=True)):
        if not np.array_equal(to_host(x), old):
            yield row("pure backward", k, "backward changed the input in place")
            return
    again = pull(v)
    zero = pull([np.zeros_like(part) for part in v])
    other = pull(w)
    both = pull([2 * a - 3 * b for a, b in zip(v, w, strict=True)])
    odd = pull([awkward(part) for part in v])
    flat = [np.broadcast_to(np.float64(0.75), part.shape) for part in v]
    spread, dense = pull(flat), pull([np.array(part) for part in flat])
    terms = sum(float(np.abs(part * to_host(y.data)).sum()) for part, y in zip(v, outputs, strict=True))
    for k, x in enumerate(problem.inputs):
        g = _value(once[k], x)
        size = np.abs(g).max(initial=0.0) + TYPICAL * terms / float(scale_of(to_host(x).ravel()).max(initial=1.0))
        yield row("gradient", k, _misfit(once[k], x))
        yield row("repeatable", k, None if np.array_equal(g, _value(again[k], x)) else "backward gives another gradient the second time")
        stray = float(np.abs(_value(zero[k], x)).max(initial=0.0))
        yield row("zero cotangent", k, None if stray == 0 else f"the gradient for a cotangent of zeros is {stray:.3g} and not zero")
        yield row("linear", k, _gap(_value(both[k], x), 2 * g - 3 * _value(other[k], x), size, "B(2v - 3w) is not 2 B(v) - 3 B(w)"))
        trouble = _gap(_value(odd[k], x), g, size, "a transposed, reversed, read-only cotangent gives another gradient")
        trouble = trouble or _gap(_value(spread[k], x), _value(dense[k], x), size, "a broadcast cotangent gives another gradient")
        yield row("strided cotangent", k, trouble)
    if len(outputs) > 1:
        yield from _partial_rows(problem, pull, v, order, row)


def _partial_rows(problem: Problem, pull: Any, v: Sequence[Array], order: int, row: Any) -> Iterator[Row]:
    """Check that a missing cotangent counts as zero: for each output alone, and for none."""
    worst: list[str | None] = [None] * len(problem.inputs)
    for only in range(len(v)):
        alone = pull([part if n == only else None for n, part in enumerate(v)])
        explicit = pull([part if n == only else np.zeros_like(part) for n, part in enumerate(v)])
        for k, x in enumerate(problem.inputs):
            g = _value(explicit[k], x)
            trouble = f"with the cotangent of output {only} alone the gradient differs"
            worst[k] = worst[k] or _gap(_value(alone[k], x), g, float(np.abs(g).max(initial=0.0)), trouble)
    for k in range(len(worst)):
        yield row("missing cotangent", k, worst[k])


def awkward(a: Array) -> Array:
    """Return the same values in Fortran order, with negative strides, read-only."""
    backward = (slice(None, None, -1),) * a.ndim
    view = np.array(a[backward], order="F")[backward] if a.ndim else a.copy()
    view.flags.writeable = False
    return view


def _value(g: Any, x: Array) -> np.ndarray[Any, Any]:
    return np.zeros(x.shape) if g is None else to_host(g.data)


def _misfit(g: Any, x: Array) -> str | None:
    """Say what is wrong with the shape, dtype or device of a gradient."""
    if g is None:
        return None
    for what, ours, theirs in (("shape", g.shape, x.shape), ("dtype", g.dtype, x.dtype), ("device", g.device, device_of(x))):
        if ours != theirs:
            return f"the gradient has {what} {ours}, the input {theirs}"
    return None


def _gap(a: Any, b: Any, size: float, trouble: str) -> str | None:
    """Return ``trouble`` and by how much, if two gradients differ by more than rounding beside ``size`` and themselves."""
    gap = float(np.abs(a - b).max(initial=0.0))
    scale = max(size, float(np.abs(b).max(initial=0.0)))
    return None if gap <= SLACK * scale else f"{trouble} (by {gap:.3g}, beside {scale:.3g})"
