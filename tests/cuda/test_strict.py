"""The strict double refuses what CuPy refuses, and counts what costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.make_cupy_api import API_FILE, describe
from support.strict import LEDGER, HostSync, no_sync, xp


@pytest.fixture
def a() -> Any:
    return xp.ones((3, 4))


HOST = np.ones((3, 4))
REFUSED: dict[str, tuple[type[Exception], Callable[[Any], Any]]] = {
    "implicit conversion": (TypeError, lambda a: np.asarray(a)),
    "host array on the right": (TypeError, lambda a: a + HOST),
    "host array on the left": (TypeError, lambda a: HOST + a),
    "host array in a function": (TypeError, lambda a: xp.where(a > 0, a, HOST)),
    "host array in a list": (TypeError, lambda a: xp.concatenate([a, HOST])),
    "host array assigned": (TypeError, lambda a: a.__setitem__(0, HOST[0])),
    "host index": (TypeError, lambda a: a[np.array([0, 1])]),
    "list as index": (TypeError, lambda a: a[[0, 1]]),
    "list to a ufunc": (TypeError, lambda a: xp.power([1.0, 2.0], a)),
    "list operand": (TypeError, lambda a: a * [1.0, 2.0, 3.0, 4.0]),
    "ufunc where": (TypeError, lambda a: xp.add(a, a, where=a > 0)),
    "sum where": (TypeError, lambda a: xp.sum(a, where=a > 0)),
    "method sum initial": (TypeError, lambda a: a.sum(initial=1.0)),
    "clip by keyword": (TypeError, lambda a: xp.clip(a, min=0)),
    "var correction": (TypeError, lambda a: xp.var(a, correction=1)),
    "maximum.reduce": (NotImplementedError, lambda a: xp.maximum.reduce(a)),
    "multiply.at": (NotImplementedError, lambda a: xp.multiply.at(a, 0, 2.0)),
    "add.at of a dtype": (TypeError, lambda a: xp.add.at(a.astype("int8"), (xp.arange(2),), 1)),
    "insert": (AttributeError, lambda a: xp.insert(a, 0, 1)),
    "vecdot": (AttributeError, lambda a: xp.vecdot(a, a)),
    "errstate": (AttributeError, lambda a: xp.errstate),
    "linalg.vector_norm": (AttributeError, lambda a: xp.linalg.vector_norm(a)),
    "in": (TypeError, lambda a: 1.0 in a),
    "range of an array": (TypeError, lambda a: range(xp.asarray(3))),
    "repeated indices assigned": (AssertionError, lambda a: a.__setitem__(xp.asarray([0, 0]), 1.0)),
    "take_along_axis without axis": (TypeError, lambda a: xp.take_along_axis(a, xp.zeros((3, 1), dtype=int))),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_refused(mistake: str, a: Any) -> None:
    error, call = REFUSED[mistake]
    with pytest.raises(error):
        call(a)


@pytest.mark.parametrize(
    "call", [bool, float, int, str, lambda a: a.item(), lambda a: a.get(), lambda a: xp.nonzero(a), lambda a: a[a > 0]]
)
def test_synchronisation_is_counted_and_can_be_forbidden(call: Callable[[Any], Any]) -> None:
    x = xp.ones(1) if call.__name__ == "<lambda>" else xp.ones(())
    LEDGER.clear()
    call(x)
    assert len(LEDGER.syncs) == 1
    with no_sync(), pytest.raises(HostSync):
        call(x)


def test_views_cost_nothing_and_the_rest_a_launch(a: Any) -> None:
    LEDGER.clear()
    a.reshape(2, 6), a.T, a.swapaxes(0, 1), a[1:], xp.broadcast_to(a, (2, 3, 4)), a.transpose(1, 0), xp.asarray(a)
    assert LEDGER.launches == []
    a.T.reshape(2, 6), a + 1, xp.exp(a), a.sum(), a.copy()
    assert len(LEDGER.launches) == 5


def test_reductions_stay_on_the_device(a: Any) -> None:
    assert isinstance(a.sum(), xp.ndarray)
    assert isinstance(a[0, 0], xp.ndarray)


def test_new_memory_is_poisoned() -> None:
    assert np.isnan(xp.empty((2, 2))._a).all()
    assert np.isnan(xp.empty_like(xp.ones(3))._a).all()


def test_the_list_of_what_cupy_has_is_that_of_the_installed_cupy() -> None:
    pytest.importorskip("cupy", reason="CuPy is not installed (pip install minigrad[test-cuda])")
    stored = json.loads(API_FILE.read_text())
    found = json.loads(json.dumps(describe()))
    if stored["version"] != found["version"]:
        pytest.skip(f"the list was written for CuPy {stored['version']}; {found['version']} is installed")
    assert stored == found
