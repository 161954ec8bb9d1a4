"""What can be called with integers gives what it gives for the same numbers as floats: none wraps around on the way to a float."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.op import OPS
from minigrad.nn import functional as F

TYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
APART = {  #: not held to the law, and why
    **dict.fromkeys([name for name in F.__all__ if "dropout" in name], "draws random numbers"), "rrelu": "draws random numbers",
    "qr": "LAPACK chooses the signs", "svd": "LAPACK chooses the signs", "eigh": "LAPACK chooses the signs",
    "sigmoid_cross_entropy": "products of int64 wrap around as in NumPy, and the losses made of it refuse integers",
}  # fmt: skip


def numbers(dtype: str) -> tuple[np.ndarray, ...]:
    """Three arrays with the ends of the type (of the wide ones: what squares still fit into float64 exactly enough)."""
    if dtype == "bool":
        return tuple(np.array(rows, dtype) for rows in ([[0, 1, 1], [1, 0, 1]], [[1, 1, 1], [1, 1, 1]], [[1, 1, 1], [0, 1, 1]]))
    top, bottom = min(np.iinfo(dtype).max, 2**24), max(np.iinfo(dtype).min, -(2**24))
    no_zero = bottom or 1
    rows = [[0, top, 3], [top - 1, bottom, 1]], [[2, no_zero, top], [1, top, no_zero]], [[1, 1, 1], [2, 1, 1]]
    return tuple(np.array(part, dtype) for part in rows)


def takes(f: Callable[..., Any]) -> int:
    """How many arrays a function takes: its first parameters that are not said to be something else."""
    if f in OPS.values():
        return 0 if f.variadic else len(f.inputs)
    count = 0
    for p in inspect.signature(f).parameters.values():
        if p.kind not in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) or p.annotation not in ("Any", "Array", "Tensor", "Array | None"):
            break
        count += 1
    return min(count, 3)


def functions() -> dict[str, Callable[..., Any]]:
    found = {}
    for module in (mg.ops, mg.linalg, F):
        for name in module.__all__:
            f = getattr(module, name)
            if callable(f) and not isinstance(f, type) and takes(f) and name not in APART:
                found[f"{module.__name__.rpartition('.')[2]}.{name}"] = f
    return found


def results(value: Any) -> list[np.ndarray]:
    return [np.asarray(v) for v in (value if isinstance(value, (tuple, list)) else (value,)) if isinstance(v, (mg.Tensor, np.ndarray))]


def agrees(found: np.ndarray, right: np.ndarray) -> bool:
    if found.shape != right.shape:
        return False
    if found.dtype.kind == "f":  # with the digits of float32
        with np.errstate(over="ignore"):
            right = right.astype(np.float32)
        size = np.abs(right[np.isfinite(right)]).max(initial=0)
        return np.allclose(found, right, rtol=1e-4, atol=1e-6 * size, equal_nan=True)
    if found.dtype.kind == "b" or right.dtype.kind != "f" or not np.isfinite(right).all() or np.abs(right).max(initial=0) > 2**50:
        return True  # of truths alone NumPy makes truths
    return bool((right.astype(np.int64).astype(found.dtype) == found).all())  # integers of integers wrap around, as in NumPy


FUNCTIONS = functions()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_comes_of_integers_is_what_comes_of_the_same_numbers_as_floats(name: str) -> None:
    f = FUNCTIONS[name]
    for dtype in TYPES:
        for n in range(1, takes(f) + 1):
            arrays = numbers(dtype)[:n]
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                try:
                    right = results(f(*[mg.tensor(a.astype("float64")) for a in arrays]))
                    found = results(f(*[mg.tensor(a) for a in arrays]))
                except (TypeError, ValueError, OverflowError, RuntimeError, IndexError, np.linalg.LinAlgError) as error:
                    if "not inexact" in str(error):  # a limit of floats was asked for, which integers do not have
                        raise
                    continue  # a call that needs more, or that is refused
            assert len(found) == len(right)
            for one, other in zip(found, right, strict=True):
                assert agrees(one, other), (dtype, [a.tolist() for a in arrays], one, other)


@pytest.mark.parametrize("value", [300, -1, 1.5, np.nan, np.inf, np.array([1, 256])])
def test_what_integers_cannot_have_is_not_put_into_them(value: Any) -> None:
    x = mg.tensor(np.array([1, 2], np.uint8))
    puts: list[Callable[[], Any]] = [lambda: x.copy_(value)]
    if np.ndim(value) == 0:
        puts += [
            lambda: mg.full((2,), value, dtype="uint8"),
            lambda: mg.full_like(x, value),
            lambda: mg.arange(value, value + 1, dtype="uint8"),
        ]
        puts = puts if np.isfinite(value) else puts[:-1]
    else:
        puts += [
            lambda: mg.ops.put_along_axis(x, np.array([0, 1]), value, axis=0),
            lambda: mg.ops.index_add(x, np.array([0, 1]), value),
            lambda: mg.ops.scatter_add(x, np.array([0, 1]), value, axis=0),
            lambda: mg.ops.add_at(x, value, key=slice(None)),
        ]
    for put in puts:
        with pytest.raises(ValueError, match=r"is none of the integers of uint8, from 0 to 255; .*astype\('uint8'\)"):
            put()
    assert x.tolist() == [1, 2]


def test_what_integers_can_have_is_cast() -> None:
    x = mg.tensor(np.array([1, 2], np.uint8))
    assert x.copy_(np.array([255.0, 0.0])).tolist() == [255, 0]
    assert x.copy_(np.array([True, False])).tolist() == [1, 0]
    assert mg.full((2,), 3.0, dtype="int64").tolist() == [3, 3]
    assert mg.arange(3.0, dtype="uint8").tolist() == [0, 1, 2]
    assert mg.full((1,), 2**64 - 1, dtype="uint64").tolist() == [2**64 - 1]
    assert mg.full((1,), 2, dtype="bool").tolist() == [True]
    with pytest.raises(ValueError, match="-1 is none of the integers of uint64"):
        mg.full((1,), -1, dtype="uint64")


ONE_INPUT = [F.kl_div, F.nll_loss, F.cross_entropy, F.multi_margin_loss, F.multilabel_margin_loss, F.multilabel_soft_margin_loss]


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
@pytest.mark.parametrize(
    "loss",
    [F.mse_loss, F.l1_loss, F.huber_loss, F.smooth_l1_loss, F.poisson_nll_loss, F.soft_margin_loss, *ONE_INPUT],
    ids=lambda f: f.__name__,
)
def test_a_loss_of_integers_alone_is_refused(loss: Any, dtype: str) -> None:
    x = mg.tensor(np.array([[1, 0], [0, 1]], dtype))
    target = x if loss not in (F.nll_loss, F.cross_entropy, F.multi_margin_loss) else mg.tensor([0, 1])
    with pytest.raises(TypeError, match=rf"{loss.__name__}: the input is {dtype}.*astype\('float32'\)"):
        loss(x, target)
    loss(x.astype("float32"), target)


def test_a_target_of_unsigned_integers_beside_floats() -> None:
    x, one = mg.tensor([[0.5, -2.0]]), mg.tensor(np.array([[1, 1]], np.uint8))
    np.testing.assert_allclose(F.soft_margin_loss(x, one).item(), F.soft_margin_loss(x, one.astype("float32")).item())


def test_a_layer_with_an_epsilon_of_its_own_type_refuses_integers_by_name():
    with pytest.raises(TypeError, match="rms_norm: x must be of floating point, not int64"):
        F.rms_norm(mg.tensor([[1, 2]]), (2,))
