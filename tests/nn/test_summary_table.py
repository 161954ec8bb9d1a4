"""The summary of a model: figures counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn


def test_figures_of_a_small_network() -> None:
    net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10))
    net[1].eval()
    before = net[1].running_mean.data.copy()
    found = nn.summary(net, (4, 1, 8, 8))
    conv, norm, relu, pool, flat, linear = found.rows[1:]
    assert (conv.output, conv.parameters, conv.parameter_bytes, conv.multiply_adds) == ("(4, 8, 8, 8)", 80, 320, 4 * 8 * 64 * 9)
    assert (norm.parameters, norm.parameter_bytes, norm.multiply_adds) == (16, 4 * 32 + 8, 0)
    assert (relu.output_bytes, pool.output_bytes) == (4 * 8 * 64 * 4, 4 * 8 * 16 * 4)
    assert (flat.output, flat.output_bytes) == ("(4, 128)", 0), "a view takes no memory"
    assert (linear.parameters, linear.multiply_adds) == (1290, 4 * 128 * 10)
    assert found.parameters == sum(p.size for p in net.parameters())
    assert found.multiply_adds == 18432 + 5120
    assert found.parameter_bytes == sum(t.data.nbytes for t in net.state_dict().values())
    text = str(found)
    assert "Sequential on (4, 1, 8, 8)" in text
    assert "23,552" in text
    # nothing is left behind
    assert net.training
    assert not net[1].training
    assert (net[1].running_mean.data == before).all()
    assert net(mg.ones((4, 1, 8, 8))).requires_grad


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 6)
        self.rnn = nn.LSTM(6, 8, num_layers=2, proj_size=3)
        self.attend = nn.MultiheadAttention(3, 1)
        self.unused = nn.Linear(2, 2)

    def forward(self, x: Any) -> Any:
        h, _ = self.rnn(self.embed(x))
        return self.attend(h, h, h)[0]


def test_recurrence_and_attention_are_counted() -> None:
    found = {row.name: row for row in nn.summary(Tagger(), (5, 2), dtype="int64").rows}
    steps = 5 * 2
    layers = steps * 32 * (6 + 3) + steps * 3 * 8 + steps * 32 * (3 + 3) + steps * 3 * 8
    assert found["rnn"].multiply_adds == layers
    assert found["attend"].multiply_adds == steps * 3 * 9 + 2 * (2 * 5 * 5 * 3)
    assert found["attend.out_proj"].multiply_adds == steps * 9
    assert found["unused"].output == ""
    assert found["embed"].parameters == 60


def test_a_model_of_two_inputs_and_a_shared_layer() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3, bias=False)
            self.same = self.layer

        def forward(self, a: Any, b: Any) -> Any:
            return self.layer(a) + self.same(b)

    found = nn.summary(Twice(), [(2, 3), (4, 1, 3)])
    assert found.parameters == 9
    assert found.multiply_adds == (2 + 4) * 9


def test_after_an_error_the_model_is_as_before() -> None:
    net = nn.Sequential(nn.Dropout(0.5), nn.Linear(3, 3))
    with pytest.raises(ValueError, match="linear"):
        nn.summary(net, (2, 4))
    assert net[0].training
    assert net[0]._hooks.of("forward") == []


def test_an_example_may_be_a_tensor_or_an_array() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    expected = str(nn.summary(net, (2, 3)))
    assert str(nn.summary(net, mg.ones((2, 3), requires_grad=True))) == expected
    assert str(nn.summary(net, np.ones((2, 3), np.float32))) == expected
    assert nn.summary(Tagger(), mg.tensor([[1, 2], [3, 4], [5, 6]])).rows[0].output == "(3, 2, 3)"
    assert "on (2, 4), (2, 5)" in str(nn.summary(nn.Bilinear(4, 5, 3), [mg.ones((2, 4)), (2, 5)]))


@pytest.mark.parametrize(
    ("example", "dtype", "message"),
    [
        (5, None, r"summary takes a tensor, or its shape with the batch axis, such as .*, or a list of these, not a int"),
        (None, None, "not a NoneType"),
        ([(2, 3), "x"], None, "not a str"),
        (mg.ones((2, 3)), "int64", "not a dtype beside a Tensor, which has its own"),
    ],
)
def test_an_example_that_is_none(example: Any, dtype: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        nn.summary(nn.Linear(3, 4), example, dtype=dtype)
