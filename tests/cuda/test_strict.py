"""The strict double refuses what CuPy refuses, and counts what costs."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support import emulator, strict_cuda
from support.make_cupy_api import API_FILE, describe
from support.rules import RECORDING, RULES, error_while_recording
from support.strict import LEDGER, HostSync, no_sync, xp


@pytest.fixture
def a() -> Any:
    return xp.ones((3, 4))


@pytest.mark.parametrize("rule", RULES)
def test_refused(rule: str, a: Any) -> None:
    error, call = RULES[rule]
    with pytest.raises(error):
        call(xp, a)


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


def test_arrays_keep_fortran_order_where_cupy_does() -> None:
    host = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    there = xp.asarray(host)
    for kept in (there, xp.empty_like(there), xp.zeros_like(there), there.astype("float32"), xp.array(there)):
        assert (kept.flags.f_contiguous, kept.flags.c_contiguous) == (True, False)
    for not_kept in (there + 1, there.copy(), xp.asarray(np.zeros((2, 3, 4)).transpose(1, 0, 2))):
        assert not_kept.flags.c_contiguous


@pytest.mark.parametrize("rule", RECORDING)
def test_what_can_be_recorded(rule: str) -> None:
    error, call = RECORDING[rule]
    found = error_while_recording(xp, call)
    assert found is error if error is None or found is None else issubclass(found, error)


def test_reductions_stay_on_the_device(a: Any) -> None:
    assert isinstance(a.sum(), xp.ndarray)
    assert isinstance(a[0, 0], xp.ndarray)


def test_new_memory_is_poisoned() -> None:
    assert np.isnan(xp.empty((2, 2))._a).all()
    assert np.isnan(xp.empty_like(xp.ones(3))._a).all()


def test_the_list_of_what_cupy_has_is_that_of_the_installed_cupy() -> None:
    pytest.importorskip("cupy", reason="CuPy is not installed (the extra test-cuda)")
    stored = json.loads(API_FILE.read_text())
    found = json.loads(json.dumps(describe()))
    if stored["version"] != found["version"]:
        pytest.skip(f"the list was written for CuPy {stored['version']}; {found['version']} is installed")
    assert stored == found


def test_what_the_double_has_of_cuda_is_what_cupy_has() -> None:
    """Every name, so that a test cannot pass by a function or an argument that CuPy does not have."""
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed (the extra test-cuda)")
    for name, ours in vars(strict_cuda.xp.cuda).items():
        if name == "current":
            continue  # where the double keeps the current stream
        theirs = getattr(cupy.cuda, name)
        for member in vars(ours) if isinstance(ours, (SimpleNamespace, type)) else ():
            assert member.startswith("_") or hasattr(theirs, member), f"cupy.cuda.{name} has no {member}"
    assert hasattr(cupy, "RawModule")
    assert hasattr(cupy, "get_default_memory_pool")


def test_half_precision_of_the_emulator_is_that_of_numpy() -> None:
    functions = ["unsigned short down(float f) { return float_to_half(f); }", "float up(unsigned short h) { return half_to_float(h); }"]
    library = emulator.build("c", "\n".join(['#include "half.h"', *functions, ""]))
    library.down.argtypes, library.down.restype, library.up.restype = [ctypes.c_float], ctypes.c_ushort, ctypes.c_float
    every = np.arange(2**16, dtype=np.uint16)
    wide = np.array([library.up(ctypes.c_ushort(int(h))) for h in every], np.float32)
    np.testing.assert_array_equal(wide, every.view(np.float16).astype(np.float32))
    random = np.random.default_rng(0)
    values = (random.standard_normal(5000) * 10.0 ** random.uniform(-9, 6, 5000)).astype(np.float32)
    edges = np.array([0.0, -0.0, np.inf, 65519.9, 65520.0, 2.0**-24, 2.0**-25, 1 + 2.0**-11, 1 + 3 * 2.0**-11], np.float32)
    x = np.concatenate([values, edges])
    with np.errstate(over="ignore"):
        expected = x.astype(np.float16)
    np.testing.assert_array_equal(np.array([library.down(float(v)) for v in x], np.uint16), expected.view(np.uint16))
