"""The backward pass: whatever its values, it must be a linear function of the cotangents that changes nothing and keeps nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from minigrad.backends import Array
from minigrad.core.device import device_of, to_host
from minigrad.core.tensor import Tensor
from minigrad.gradcheck.numerics.differentiation import scale_of
from minigrad.gradcheck.numerics.noise import noise_around
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.numerics.row import FAIL, PASS, Row

#: relative difference allowed between two ways to the same gradient: rounding, in sums that may cancel
SLACK = 1e-9
#: part of sum |cotangent * output| / max |input|, the usual size of a gradient, that is added to the size of the one at hand: a gradient
#: that is zero by an invariance is all rounding, and beside its own size no two such would be equal
TYPICAL = 1e-3

ROUNDINGS = 100.0  #: how often the noise of the function may be in its gradient


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
    rounding = cache(partial(_rounding, problem, v))  # only measured where two gradients differ
    terms = sum(float(np.abs(part * to_host(y.data)).sum()) for part, y in zip(v, outputs, strict=True))
    sizes: dict[int, float] = {}  #: of the gradients that are finite
    for k, x in enumerate(problem.inputs):
        g = _value(once[k], x)
        if not np.isfinite(g).all():
            yield row("finite gradient", k, "the gradient is infinite or not a number")
            continue  # no two such are equal, whatever made them
        size = sizes[k] = np.abs(g).max(initial=0.0) + TYPICAL * terms / float(scale_of(to_host(x).ravel()).max(initial=1.0))
        yield row("gradient", k, _misfit(once[k], x))
        yield row("repeatable", k, None if np.array_equal(g, _value(again[k], x)) else "backward gives another gradient the second time")
        stray = float(np.abs(_value(zero[k], x)).max(initial=0.0))
        yield row("zero cotangent", k, None if stray == 0 else f"the gradient for a cotangent of zeros is {stray:.3g} and not zero")
        yield row(
            "linear", k, _gap(_value(both[k], x), 2 * g - 3 * _value(other[k], x), size, rounding, "B(2v - 3w) is not 2 B(v) - 3 B(w)")
        )
        trouble = _gap(_value(odd[k], x), g, size, rounding, "a transposed, reversed, read-only cotangent gives another gradient")
        trouble = trouble or _gap(_value(spread[k], x), _value(dense[k], x), size, rounding, "a broadcast cotangent gives another gradient")
        yield row("strided cotangent", k, trouble)
    yield from _layout_rows(problem, once, v, sizes, rounding, row)
    if len(outputs) > 1:
        yield from _partial_rows(problem, pull, v, rounding, row)


def _layout_rows(
    problem: Problem, once: Sequence[Any], v: Sequence[Array], sizes: dict[int, float], rounding: Callable[[], float], row: Any
) -> Iterator[Row]:
    """Check that equal inputs that lie otherwise in memory get equal gradients."""
    if not all(isinstance(x, np.ndarray) for x in problem.inputs):
        return  # CuPy's arrays are tried by the suite
    _, pull = problem.pullback([awkward(x) for x in problem.inputs])
    found = pull(v)
    for k, size in sizes.items():
        x, trouble = problem.inputs[k], "an input that is transposed, reversed and read-only gets another gradient"
        yield row("strided input", k, _gap(_value(found[k], x), _value(once[k], x), size, rounding, trouble))


def _partial_rows(problem: Problem, pull: Any, v: Sequence[Array], rounding: Callable[[], float], row: Any) -> Iterator[Row]:
    """Check that a missing cotangent counts as zero: for each output alone, and for none."""
    worst: list[str | None] = [None] * len(problem.inputs)
    for only in range(len(v)):
        alone = pull([part if n == only else None for n, part in enumerate(v)])
        explicit = pull([part if n == only else np.zeros_like(part) for n, part in enumerate(v)])
        for k, x in enumerate(problem.inputs):
            g = _value(explicit[k], x)
            trouble = f"with the cotangent of output {only} alone the gradient differs"
            worst[k] = worst[k] or _gap(_value(alone[k], x), g, float(np.abs(g).max(initial=0.0)), rounding, trouble)
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


def _gap(a: Any, b: Any, size: float, rounding: Callable[[], float], trouble: str) -> str | None:
    """Return ``trouble`` and by how much, if two gradients differ by more than rounding beside ``size`` and themselves."""
    gap = float(np.abs(a - b).max(initial=0.0))
    scale = max(size, float(np.abs(b).max(initial=0.0)))
    return None if gap <= SLACK * scale or gap <= rounding() else f"{trouble} (by {gap:.3g}, beside {scale:.3g})"


def _rounding(problem: Problem, v: Sequence[Array]) -> float:
    """Return the rounding of a gradient where that of the function itself is known: the two are made of the same numbers."""
    found = 0.0
    weights = np.concatenate([np.zeros(0), *(np.abs(part).ravel() for part in v)])
    y = problem.value(problem.inputs)
    for k, x in enumerate(problem.inputs):
        if x.size and y.size:

            def value(point: Array, k: int = k) -> np.ndarray[Any, Any]:
                try:
                    return problem.value([*problem.inputs[:k], point, *problem.inputs[k + 1 :]])
                except (ArithmeticError, ValueError):
                    return np.full_like(y, np.nan)

            noise = float(weights @ noise_around(value, to_host(x), y))
            found = max(found, ROUNDINGS * noise / float(scale_of(to_host(x).ravel()).min()))
    return found
