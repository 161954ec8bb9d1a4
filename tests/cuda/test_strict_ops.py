"""Every op, on each of its samples, runs on CuPy's rules: forward and backward through the strict double, equal to NumPy's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import numpy as np
import pytest
from support.op_samples import NAMES, computed, equal, on_device
from support.strict import LEDGER, ndarray, no_sync
from support.strict_cuda import pretended_gpu

import minigrad as mg
from minigrad.core.mode import changed_mode
from minigrad.core.op import OPS
from minigrad.core.tensor import wrap
from minigrad.gradcheck.samples.problems import samples_of

#: ops for which the host has to wait for the device, and why
WAITS = {
    "getitem": "the shape of x[mask] depends on values",
    "add_at": "it assigns to x[mask]",
}


@pytest.fixture(autouse=True)
def gpu() -> Iterator[None]:
    with pretended_gpu():
        LEDGER.clear()
        yield


@pytest.mark.parametrize("create_graph", [False, True], ids=["arrays", "tensors"])
@pytest.mark.parametrize("name", NAMES)
def test_op_runs_on_the_device_and_equals_numpy(name: str, create_graph: bool) -> None:
    with changed_mode(plain=True):
        for sample in samples_of(name):
            expected_out, expected = computed(name, sample, create_graph)
            out, grads = computed(name, on_device(sample), create_graph)
            for got, want in zip([*out, *grads], [*expected_out, *expected], strict=True):
                equal(got, want, f"{name}{sample}")


@pytest.mark.parametrize("name", NAMES)
def test_the_host_never_waits(name: str) -> None:
    with changed_mode(plain=True):
        for sample in samples_of(name):
            there = on_device(sample)
            args = [wrap(a, None) if isinstance(a, ndarray) else a for a in there.args]
            with nullcontext() if name in WAITS else no_sync():
                OPS[name](*args, **there.params)


def test_transfer_and_its_gradient() -> None:
    x = mg.Tensor(np.array([1.0, 2.0]), requires_grad=True)
    y = x.to("cuda") * 3
    assert str(y.device) == "cuda:0"
    back = y.to("cpu")
    back.backward(np.array([1.0, -1.0]))
    np.testing.assert_array_equal(back.data, [3.0, 6.0])
    np.testing.assert_array_equal(x.grad.data, [3.0, -3.0])


def test_a_broadcast_gradient_is_not_added_to_in_place() -> None:
    """The gradient of a sum is a view of one number, and CuPy would let it be written to."""
    x = mg.ones(3, device="cuda", requires_grad=True)
    for _ in range(3):
        x.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [3, 3, 3])


def test_the_gradient_of_a_move_moves_back() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = x.to("cuda")
    (y * y).to("cpu").sum().backward()
    assert (str(y.device), str(x.grad.device)) == ("cuda:0", "cpu")
    np.testing.assert_array_equal(x.grad.numpy(), [2, 4])


STANDARD = {
    "sum": lambda xp, x: xp.sum(x, dtype=xp.float64),
    "prod": lambda xp, x: xp.prod(xp.astype(x, xp.int16), axis=0, dtype=xp.int16),
    "mean": lambda xp, x: xp.mean(x[:0], axis=0),
    "std": lambda xp, x: xp.std(x, axis=1, correction=3),
    "cumulative_sum": lambda xp, x: xp.cumulative_sum(x, axis=1, include_initial=True),
    "astype": lambda xp, x: xp.astype(x, xp.int32),
    "reshape": lambda xp, x: xp.reshape(x, (3, 2), copy=True),
    "repeat": lambda xp, x: xp.repeat(x, xp.asarray([1, 0, 2], device=x.device), axis=1),
    "sort": lambda xp, x: xp.sort(x, descending=True),
    "argsort": lambda xp, x: xp.argsort(x),
    "searchsorted": lambda xp, x: xp.searchsorted(x[0], x[1], sorter=xp.argsort(x[0])),
    "floor": lambda xp, x: xp.floor(xp.astype(x, xp.int64)),
    "shift": lambda xp, x: (xp.astype(x, xp.int32) + 3) << 2 >> 1,
    "norm": lambda xp, x: xp.linalg.vector_norm(x, axis=1, ord=-1) + xp.linalg.vector_norm(x, axis=1, ord=0),
    "svd": lambda xp, x: xp.linalg.svd(x).Vh[2] ** 2,
    "qr": lambda xp, x: xp.linalg.qr(x.T, mode="complete").R,
    "pinv": lambda xp, x: xp.linalg.pinv(x),
    "cholesky": lambda xp, x: xp.linalg.cholesky(x @ x.mT, upper=True),
}


@pytest.mark.parametrize("name", STANDARD)
def test_functions_of_the_array_api_run_on_the_device(name: str) -> None:
    x = mg.tensor([[1.5, -2.0, 0.5], [0.25, 3.0, -1.0]], dtype="float64")
    there = x.to("cuda")
    got, want = STANDARD[name](there.__array_namespace__(), there), STANDARD[name](mg.array_api, x)
    assert str(got.device) == "cuda:0"
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got.to("cpu").numpy(), want.numpy(), rtol=1e-12, atol=1e-14)
