"""Names of tensors, and where they appear: in reprs, in errors, which name the layer, too, and in anomaly reports."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn


def test_a_name_of_its_own():
    x = mg.tensor([1.0], requires_grad=True, name="x₀")
    assert x.name == "x₀"
    assert repr(x) == "tensor([1.], requires_grad=True, name='x₀')"
    assert "x₀" in x._repr_html_()
    assert repr(x.node) == f"<Node x₀ #{x.node.seq} (1,)>"
    y = mg.tensor([1.0])
    assert y.name is None
    y.name = "later"
    y.requires_grad_()
    assert y.node.label == "later"
    assert repr(y * 1) == "tensor([1.], made_by=multiply)"
    with pytest.raises(TypeError, match="the name of a tensor is a string, not a int"):
        y.name = 3


def test_a_result_may_be_given_a_name():
    x = mg.tensor([1.0], requires_grad=True)
    y = x * 2
    y.name = "double"
    assert repr(y) == "tensor([2.], made_by=multiply, name='double')"
    assert repr(y.node).startswith("<Node double #")


def test_an_error_names_the_tensors_and_the_layer():
    model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), nn.Linear(5, 2)))
    with pytest.raises(ValueError, match="linear") as caught:
        model(mg.ones((2, 3)))
    notes = "\n".join(caught.value.__notes__)
    assert "weight (weight): float32[2, 5]" in notes
    assert "in layer 1.1 (Linear) of Sequential" in notes
    assert notes.count("in layer") == 1
    w = mg.tensor(np.ones((3, 2)), name="w")
    with pytest.raises(ValueError, match="matmul") as caught:
        mg.ones((2, 4)) @ w
    assert any("b (w): float64[3, 2]" in note for note in caught.value.__notes__)


def test_an_error_of_a_layer_itself_names_it_too_and_so_does_one_of_a_pair_that_is_computed_together():
    class Broken(nn.Module):
        def forward(self, x):
            raise KeyError("mine")

    with pytest.raises(KeyError) as caught:
        nn.Sequential(nn.ReLU(), Broken())(mg.ones(2))
    assert caught.value.__notes__ == ["in layer 1 (Broken) of Sequential"]
    with pytest.raises(ValueError, match="channels") as caught:
        nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(4), nn.ReLU())(mg.ones((5, 2)))
    assert "in layer 1 (BatchNorm1d) of Sequential" in caught.value.__notes__
    with pytest.raises(KeyError) as caught:
        Broken()(mg.ones(1))
    assert caught.value.__notes__ == ["in layer Broken"]


def test_an_error_in_backward_names_the_tensors():
    @mg.op
    def broken(xp, x):
        """x, with a formula that fails."""
        return xp.array(x)

    broken.vjp(x=lambda g, x: g @ x)
    x = mg.tensor([[1.0, 2.0, 3.0]], requires_grad=True, name="row")
    y = broken(x).sum()
    with pytest.raises(ValueError, match="matmul") as caught:
        y.backward()
    assert any("in the backward pass of broken, with g: float32[1, 3], x (row): float32[1, 3]" in note for note in caught.value.__notes__)


def test_an_anomaly_names_the_tensor_and_the_layer():
    x = mg.tensor([0.0, 1.0], requires_grad=True, name="distances")

    class Root(nn.Module):
        def forward(self, x):
            return x.sqrt()

    model = nn.Sequential(nn.Identity(), Root())
    made = r"the gradient of sqrt for its input 'x' \(distances\) holds inf at .* in layer 1 \(Root\) of Sequential"
    with pytest.raises(mg.AnomalyError, match=made), mg.detect_anomaly(), np.errstate(all="ignore"):
        model(x).sum().backward()
    made = r"log\(distances float32\[2\]\) made -inf at \(0,\) from finite inputs; it was called at .*test_names"
    with pytest.raises(mg.AnomalyError, match=made), mg.detect_anomaly(), np.errstate(all="ignore"):
        mg.log(x)


def test_a_copy_of_a_tensor_keeps_its_name_and_a_tied_parameter_its_first():
    from copy import deepcopy

    x = mg.tensor([1.0], requires_grad=True, name="x")
    assert deepcopy(x).name == "x"
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    b.tied = a.weight
    assert a.weight.name == "weight"
