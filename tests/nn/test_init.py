"""Initial values: shapes, bounds and moments, the same for the same seed; and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.nn import init

BIG = (120, 80, 3)  # fan in 240, fan out 360


def empty(*shape: int) -> mg.Tensor:
    return mg.zeros(shape, requires_grad=True)


UNIFORM = {
    "uniform_": (lambda t: init.uniform_(t, -2, 2), 2.0),
    "xavier_uniform_": (lambda t: init.xavier_uniform_(t, gain=2), 2 * math.sqrt(6 / 600)),
    "kaiming_uniform_": (lambda t: init.kaiming_uniform_(t), math.sqrt(6 / 240)),
    "kaiming_uniform_ out": (
        lambda t: init.kaiming_uniform_(t, a=2.0, mode="fan_out", nonlinearity="leaky_relu"),
        math.sqrt(2 / 5) * math.sqrt(3 / 360),
    ),
    "lecun_uniform_": (init.lecun_uniform_, math.sqrt(3 / 240)),
}
NORMAL = {
    "normal_": (lambda t: init.normal_(t, 0, 3), 3.0),
    "xavier_normal_": (init.xavier_normal_, math.sqrt(2 / 600)),
    "kaiming_normal_": (lambda t: init.kaiming_normal_(t, nonlinearity="relu"), math.sqrt(2 / 240)),
    "lecun_normal_": (init.lecun_normal_, 1 / math.sqrt(240)),
}


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform(name: str) -> None:
    fill, bound = UNIFORM[name]
    mg.manual_seed(0)
    t = empty(*BIG)
    assert fill(t) is t
    assert np.abs(t.data).max() <= bound
    assert np.abs(t.data).max() > 0.999 * bound
    assert t.data.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert t.data.mean() == pytest.approx(0, abs=0.02 * bound)
    again = fill(empty(*BIG)) if mg.manual_seed(0) else None
    np.testing.assert_array_equal(again.data, t.data)


@pytest.mark.parametrize("name", NORMAL)
def test_normal(name: str) -> None:
    fill, std = NORMAL[name]
    mg.manual_seed(0)
    t = fill(empty(*BIG))
    assert t.data.std() == pytest.approx(std, rel=0.02)
    assert t.data.mean() == pytest.approx(0, abs=0.02 * std)
    assert t.dtype == np.float32


def test_truncated_normal() -> None:
    stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed; its distributions are the reference here")
    mg.manual_seed(0)
    t = init.trunc_normal_(mg.zeros((20000,), dtype="float64"), mean=1.0, std=2.0, a=-1.0, b=2.0)
    assert t.data.min() >= -1
    assert t.data.max() <= 2
    assert stats.kstest(t.data, stats.truncnorm(-1, 0.5, loc=1, scale=2).cdf).pvalue > 1e-3
    with pytest.raises(ValueError, match="a must be less than b"):
        init.trunc_normal_(t, a=1, b=1)
    far = init.trunc_normal_(mg.zeros((100,), dtype="float64"), a=30, b=31)
    assert ((far.data >= 30) & (far.data <= 31)).all()


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 2, 3)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = init.orthogonal_(mg.zeros(shape, dtype="float64"), gain=2.0).data.reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)
    assert init.orthogonal_(mg.zeros((0, 3))).shape == (0, 3)


def test_constants() -> None:
    assert init.constant_(empty(2, 2), 3.5).tolist() == [[3.5, 3.5], [3.5, 3.5]]
    assert init.ones_(empty(2)).tolist() == [1, 1]
    assert init.zeros_(mg.ones((2,))).tolist() == [0, 0]
    assert init.eye_(empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_dirac_passes_channels_on() -> None:
    weight = init.dirac_(empty(4, 2, 3, 3), groups=2)
    x = mg.random.normal((1, 4, 5, 5))
    y = mg.nn.functional.conv2d(x, weight, padding=1, groups=2)
    np.testing.assert_array_equal(y.data, x.data)


def test_sparse() -> None:
    mg.manual_seed(0)
    t = init.sparse_(empty(50, 40), sparsity=0.3, std=2.0)
    assert ((t.data == 0).sum(axis=0) == 15).all()
    assert t.data[t.data != 0].std() == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: init.xavier_uniform_(empty(3)), "at least 2 axes, and this one has shape"),
        (lambda: init.kaiming_normal_(empty(3, 3), mode="fan_both"), "unknown mode 'fan_both'"),
        (lambda: init.kaiming_normal_(empty(3, 3), nonlinearity="cube"), "unknown nonlinearity 'cube'"),
        (lambda: init.eye_(empty(3)), "eye_ needs a matrix"),
        (lambda: init.sparse_(empty(3), 0.1), "sparse_ needs a matrix"),
        (lambda: init.dirac_(empty(3, 3)), "of 3 to 5 axes"),
        (lambda: init.dirac_(empty(3, 3, 3), groups=2), "cannot be split into 2 groups"),
        (lambda: init.orthogonal_(empty(3)), "at least 2 axes"),
    ],
)
def test_bad_input_is_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_gains_are_those_of_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the reference here and no dependency")
    for name in ("linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "selu", "leaky_relu"):
        assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    assert init.calculate_gain("leaky_relu", 0.5) == pytest.approx(torch.nn.init.calculate_gain("leaky_relu", 0.5))
    weight = torch.nn.init.dirac_(torch.empty(5, 3, 4, 2))
    np.testing.assert_array_equal(init.dirac_(empty(5, 3, 4, 2)).data, weight.numpy())
