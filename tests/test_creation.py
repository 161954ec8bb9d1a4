"""Making tensors: dtypes, sharing and copying, devices, other libraries."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest

import minigrad as mg


@pytest.mark.parametrize(
    ("made", "expected", "dtype"),
    [
        (lambda: mg.zeros((2, 3)), np.zeros((2, 3)), "float32"),
        (lambda: mg.zeros(3, dtype=int), np.zeros(3), "int64"),
        (lambda: mg.ones(()), np.ones(()), "float32"),
        (lambda: mg.full((2, 2), 7), np.full((2, 2), 7), "int64"),
        (lambda: mg.full(2, 0.5), [0.5, 0.5], "float32"),
        (lambda: mg.full(1, True), [True], "bool"),
        (lambda: mg.arange(3), [0, 1, 2], "int64"),
        (lambda: mg.arange(1, 2, 0.25), [1, 1.25, 1.5, 1.75], "float32"),
        (lambda: mg.arange(5, 0, -2, dtype="float64"), [5, 3, 1], "float64"),
        (lambda: mg.linspace(0, 1, 5), [0, 0.25, 0.5, 0.75, 1], "float32"),
        (lambda: mg.linspace(0, 1, 4, endpoint=False, dtype="float64"), [0, 0.25, 0.5, 0.75], "float64"),
        (lambda: mg.eye(2, 3, k=1), [[0, 1, 0], [0, 0, 1]], "float32"),
        (lambda: mg.tri(2), [[True, False], [True, True]], "bool"),
        (lambda: mg.tri(2, 3, k=-1, dtype=np.float32), [[0, 0, 0], [1, 0, 0]], "float32"),
        (lambda: mg.zeros_like(mg.ones(2, dtype="float64")), [0, 0], "float64"),
        (lambda: mg.ones_like(np.zeros((1, 2), dtype=np.int32)), [[1, 1]], "int32"),
        (lambda: mg.full_like(mg.ones(2), 3, dtype="float16"), [3, 3], "float16"),
        (lambda: mg.empty((2, 1)), np.zeros((2, 1)), "float32"),
        (lambda: mg.empty_like(mg.ones(2, dtype="int8")), [0, 0], "int8"),
        (lambda: mg.full((), fill_value=True), True, "bool"),
        (lambda: mg.asarray([1, 2], dtype=mg.uint8), [1, 2], "uint8"),
        (lambda: mg.tensor(1.5), 1.5, "float32"),
        (lambda: mg.tensor([[1, 2]]), [[1, 2]], "int64"),
        (lambda: mg.tensor([]), [], "float32"),
        (lambda: mg.tensor(np.float64(2.0)), 2.0, "float64"),
        (lambda: mg.tensor([1, 2], dtype="float16"), [1, 2], "float16"),
    ],
)
def test_values_and_dtypes(made: Any, expected: Any, dtype: str) -> None:
    t = made()
    np.testing.assert_array_equal(t.numpy(), expected)
    assert t.shape == np.shape(expected)
    assert t.dtype == dtype
    assert not t.requires_grad


def test_python_floats_do_not_pass_through_float32() -> None:
    assert mg.tensor(0.1, dtype="float64").item() == 0.1
    assert mg.full(1, 0.1, dtype="float64").item() == 0.1
    assert mg.as_tensor([0.1], dtype="float64").item() == 0.1


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (array("d", [1.0, 2.0]), "float64"),
        (bytearray(b"ab"), "uint8"),
        (memoryview(np.ones((2, 3), np.int16)), "int16"),
        ([array("h", [1, 2])], "int16"),
        (range(3), "int64"),
        ([range(3)], "int64"),
    ],
)
def test_buffers_keep_their_type(data: Any, dtype: str) -> None:
    for made in (mg.tensor(data), mg.as_tensor(data), mg.asarray(data)):
        assert made.dtype == dtype
        np.testing.assert_array_equal(made.numpy(), np.asarray(data))


def test_a_number_beyond_the_default_type_is_no_overflow_in_another() -> None:
    with np.errstate(all="raise"):
        assert mg.tensor([1e300, 3.4028235677973366e38], dtype="float64").tolist() == [1e300, 3.4028235677973366e38]
        assert mg.full((), 2**64 - 1, dtype="uint64").item() == 2**64 - 1


def test_tensor_copies_and_as_tensor_does_not() -> None:
    a = np.zeros(3)
    copied, shared = mg.tensor(a), mg.as_tensor(a)
    a[0] = 1
    assert (copied.tolist(), shared.tolist()) == ([0, 0, 0], [1, 0, 0])
    view = mg.tensor(a[::-1])
    a[0] = 2
    assert view.tolist() == [0, 0, 1]
    t = mg.ones(2)
    assert mg.as_tensor(t) is t
    assert not np.shares_memory(mg.tensor(t).data, t.data)


def test_asarray_says_whether_memory_is_shared() -> None:
    a = np.zeros(3)
    assert mg.asarray(a).data is a
    assert mg.asarray(a, copy=False).data is a
    assert not np.shares_memory(mg.asarray(a, copy=True).data, a)
    x = mg.ones(2, requires_grad=True)
    assert mg.asarray(x) is x
    assert mg.asarray(x, copy=True).requires_grad
    assert not np.shares_memory(mg.asarray(x, copy=True).data, x.data)
    for data, dtype in (([1.0], None), (a, "float32"), (2, None)):
        with pytest.raises(ValueError, match=r"asarray: copy=False, and a \w+ becomes (float|int)\d\d on cpu only by a copy"):
            mg.asarray(data, dtype=dtype, copy=False)


def test_history() -> None:
    x = mg.ones(2, requires_grad=True)
    assert mg.as_tensor(x, dtype="float64").requires_grad
    assert not mg.tensor(x * 2).requires_grad
    assert mg.tensor(x, requires_grad=True).is_leaf


def test_filled_tensors_can_be_written_to() -> None:
    for t in (mg.zeros(3), mg.ones((2, 2)), mg.full(2, 1.5), mg.zeros_like(mg.ones(2))):
        t.copy_(mg.full(t.shape, 4.0))
        assert set(t.data.ravel()) == {4.0}


def test_dlpack() -> None:
    a = np.arange(4.0)
    t = mg.from_dlpack(a)
    a[0] = 7
    assert t.tolist() == [7, 1, 2, 3]
    assert np.from_dlpack(t)[0] == 7
    assert mg.from_dlpack(mg.ones(2)).tolist() == [1, 1]


def test_dlpack_with_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    theirs = torch.arange(3.0)
    ours = mg.from_dlpack(theirs)
    theirs[0] = 5
    assert ours.tolist() == [5, 1, 2]
    assert torch.from_dlpack(mg.tensor([1.0, 2.0])[::-1]).tolist() == [2, 1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mg.zeros(2, dtype=int, requires_grad=True), TypeError, "only floating-point"),
        (lambda: mg.tensor([[1, 2], [3]]), ValueError, "cannot make a tensor"),
        (lambda: mg.tensor("five"), TypeError, "not numbers"),
        (lambda: mg.tensor("five", dtype="float32"), TypeError, "not numbers"),
        (lambda: mg.tensor([mg.ones(1)]), TypeError, "mg.stack"),
        (lambda: mg.full(2, [1, 2]), ValueError, "must be one number"),
        (lambda: mg.from_dlpack([1, 2]), TypeError, "does not speak DLPack"),
        (lambda: mg.zeros(2, device="gpu"), ValueError, "unknown device 'gpu'"),
    ],
)
def test_errors(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
