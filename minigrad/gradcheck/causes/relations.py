"""How a wrong gradient is related to the right one, whatever the function: a factor, a sign, an axis, a precision."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations
from math import prod
from typing import Any

import numpy as np

Vector = np.ndarray[Any, Any]
Relation = tuple[str, str]  #: the id of the mistake, and what the wrong gradient is


def equal(a: Any, b: Any, tolerance: float) -> bool:
    """Tell whether two gradients agree relative to the larger one."""
    if a is None or np.shape(a) != np.shape(b) or not np.isfinite(a).all():
        return False
    return bool(np.abs(a - b).max(initial=0.0) <= tolerance * max(np.abs(b).max(initial=0.0), 1e-300))


def relations(wrong: Vector, right: Vector, others: dict[str, Any], cotangents: list[Vector], tolerance: float) -> Iterator[Relation]:
    """Yield an id and what the wrong gradient is, in words, for every relation that holds.

    Parameters
    ----------
    others
        The inputs of the function by name, some of which may be a factor too many or too few.
    cotangents
        What the backward pass started from.
    """
    if not right.size or not np.isfinite(right).all():
        return
    if not wrong.any():
        yield "zero", "zero, or missing: nothing flows back to this input. Was the value detached, or computed by NumPy?"
        return
    if equal(wrong, -right, tolerance):
        yield "sign", "the right one with the opposite sign"
    yield from _factors(wrong, right, others, cotangents, tolerance)
    if any(equal(wrong, v, tolerance) for v in cotangents):
        yield "cotangent_itself", "the cotangent itself: it was passed on unchanged"
    yield from _powers(wrong, right, cotangents, tolerance)
    for order in permutations(range(right.ndim)):
        if list(order) != sorted(order) and equal(wrong, right.transpose(order), tolerance):
            yield "transposed", f"the right one transposed (axes {order})"
    for axes in (c for n in range(1, right.ndim + 1) for c in combinations(range(right.ndim), n)):
        if right.size > 1 and equal(wrong, np.flip(right, axes), tolerance):
            yield "reversed", f"the right one reversed along axis {axes if len(axes) > 1 else axes[0]}"
    yield from _places(wrong, right, cotangents, tolerance)
    yield from _small(wrong, right, tolerance)


def _places(wrong: Vector, right: Vector, cotangents: list[Vector], tolerance: float) -> Iterator[Relation]:
    """Tell what is lost or superfluous in places, and a mask that is inverted."""
    top = np.abs(right).max(initial=0.0)
    if right.size < 3 or not top:
        return
    same = np.abs(wrong - right) <= max(tolerance, 1e-9) * top
    lost, beyond = ~same & (wrong == 0), ~same & (right == 0)
    if len(cotangents) == 1 and not (wrong * right).any() and equal(wrong + right, cotangents[0], tolerance):
        yield "mask_inverted", "0 where the right one is not, and the other way round: the mask is inverted"
    elif lost.any() and (same | lost).all() and same[right != 0].any():
        yield (
            "lost",
            f"the right one but for {lost.sum()} of {right.size} elements, which get 0: a branch without a slope, a part not reached?",
        )
    elif beyond.any() and (same | beyond).all() and same[right != 0].any():
        yield "beyond", f"the right one but for {beyond.sum()} of {right.size} elements, which should get 0: is a mask missing?"


def elsewhere(wrong: Vector, right: Vector, tolerance: float) -> Iterator[Relation]:
    """Tell whether the right numbers stand in other places."""
    for axis in range(right.ndim):
        for shift in range(1, right.shape[axis]):
            if equal(wrong, np.roll(right, shift, axis), tolerance):
                yield "shifted", f"the right one shifted by {shift} along axis {axis}"
                return
    if np.unique(right).size > 2 and equal(np.sort(wrong, axis=None), np.sort(right, axis=None), tolerance):
        yield (
            "places",
            "made of the right numbers, in other places: reshaped where it should be transposed, or given back in another order?",
        )


def _factors(wrong: Vector, right: Vector, others: dict[str, Any], cotangents: list[Vector], tolerance: float) -> Iterator[Relation]:
    top = np.abs(right).max()
    if not top:
        return
    big = np.abs(right) > 1e-3 * top
    ratio = wrong[big] / right[big]
    factor = float(np.median(ratio))
    sizes = {n for v in (right, *cotangents, *(o for o in others.values() if isinstance(o, np.ndarray))) for n in _products(v.shape)}
    if equal(wrong, factor * right, max(tolerance, 1e-9)) and abs(factor + 1) > tolerance and abs(factor - 1) > 10 * tolerance:
        meaning = ""
        for n in sorted(sizes):
            if n > 1 and abs(factor * n - 1) < 1e-8:
                meaning = f": a mean over {n} elements where a sum belongs, or one division by {n} too many"
            if n > 1 and abs(factor / n - 1) < 1e-8:
                meaning = f": a sum over {n} elements where a mean belongs, or a division by {n} too few"
        for n, m in permutations(sorted({k - j for k in sizes for j in (0, 1)} - {0, 1}), 2):
            is_whole = min(abs(factor - round(factor)), abs(1 / factor - round(1 / factor))) < 1e-8
            if not meaning and not is_whole and abs(factor * n - m) < 1e-8:
                meaning = f": divided by {n} where {m} belongs"
        yield "factor", f"{factor:.10g} times the right one{meaning}"
    for name, other in others.items():
        if isinstance(other, np.ndarray) and other.dtype.kind == "f" and other.size > 1:
            try:
                with_factor, without = np.broadcast_to(right * other, right.shape), right / np.where(other == 0, np.nan, other)
            except ValueError:
                continue
            if equal(wrong, with_factor, tolerance):
                yield "factor_too_many", f"the right one times {name}, once too often"
            if without.shape == right.shape and equal(wrong, without, tolerance):
                yield "factor_missing", f"the right one without the factor {name}"


def _powers(wrong: Vector, right: Vector, cotangents: list[Vector], tolerance: float) -> Iterator[Relation]:
    """Compare powers of the derivative of each element: a square, or a root, that is missing or too many."""
    same_shape = [v for v in cotangents if v.shape == right.shape and v.all()]
    if len(cotangents) != 1 or not same_shape:
        return
    slope, wrong_slope = right / same_shape[0], wrong / same_shape[0]
    if right.size < 2 or not slope.all() or equal(np.abs(slope), np.ones(slope.shape), 1e-6):
        return
    powers = {0.5: "is a square missing?", 2.0: "is a square too many?", -1.0: "is a division missing, or one too many?"}
    for power, question in powers.items():
        if equal(np.abs(wrong_slope), np.abs(slope) ** power, max(tolerance, 1e-7)):
            yield "power", f"the right one with the derivative of each element to the power {power:g}: {question}"


def _products(shape: tuple[int, ...]) -> set[int]:
    return {prod(c) for n in range(1, len(shape) + 1) for c in combinations(shape, n)}


def _small(wrong: Vector, right: Vector, tolerance: float) -> Iterator[Relation]:
    """Describe differences that are small, or in few places."""
    gap = wrong - right
    top = np.abs(right).max()
    relative = np.abs(gap).max() / top if top else np.inf
    if 1e-10 < relative < 1e-5 and bool((wrong == wrong.astype(np.float32)).all()):
        yield "float32", "the right one rounded to float32: something inside is computed in float32"
    elif 1e-10 < relative < 1e-6:
        yield (
            "small_difference",
            f"right to {-np.log10(relative):.0f} digits: something inside is computed in float32, or a small constant (eps) is missing",
        )
    wrong_at = np.argwhere(np.abs(gap) > max(10 * tolerance, 1e-8) * top)
    if 0 < len(wrong_at) <= max(1, right.size // 4) and right.size > 3:
        where = ", ".join(str(tuple(int(i) for i in at)) for at in wrong_at[:4])
        yield "few_elements", f"wrong in {len(wrong_at)} of {right.size} elements only: {where}{', ...' if len(wrong_at) > 4 else ''}"
    if right.size > 1 and top and relative > 1e-8 and np.ptp(gap) <= 1e-9 * np.abs(gap).max():
        yield "constant_added", f"the right one plus the constant {float(gap.flat[0]):.6g}"
