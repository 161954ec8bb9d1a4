"""Tensors where Python and NumPy expect numbers and arrays."""

from __future__ import annotations

import numpy as np
import pytest
from support.strict_cuda import pretended_gpu

import minigrad as mg


def test_as_numbers() -> None:
    x = mg.tensor([2])
    assert (int(x), float(x), [10, 20, 30][x], bool(x)) == (2, 2.0, 30, True)
    assert f"{mg.tensor(2.5):.2f}" == "2.50"
    assert f"{mg.tensor([1, 2])}" == "tensor([1, 2])"
    with pytest.raises(TypeError, match="only an integer tensor can be an index; this one is float32"):
        [1, 2][mg.tensor(1.0)]


def test_as_an_array_on_the_host_alone() -> None:
    np.testing.assert_array_equal(np.asarray(mg.tensor([1.0])), [1.0])
    with pretended_gpu():
        x = mg.ones(2, device="cuda")
        with pytest.raises(TypeError, match=r"NumPy asked for a tensor on a GPU; .*\.to\('cpu'\)"):
            np.asarray(x)


def test_to_other_libraries() -> None:
    x = mg.tensor([1.0, 2.0])
    np.testing.assert_array_equal(np.from_dlpack(x), [1, 2])
    assert x.__dlpack_device__() == x.data.__dlpack_device__()
    np.testing.assert_array_equal(np.from_dlpack(mg.Tensor(np.arange(3.0)[::-1])), [2, 1, 0])
    with pytest.raises(BufferError, match="cannot be exported; use detach"):
        np.from_dlpack(x.requires_grad_())


class Subclass(np.ndarray):
    pass


def test_a_subclass_of_array_is_taken_as_an_array() -> None:
    x = mg.Tensor(np.ones(2).view(Subclass))
    assert type(x.data) is np.ndarray
