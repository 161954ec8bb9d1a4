"""Every layer and loss passes gradcheck with its parameters; thoroughly to the second order, and stacks of layers to the first."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.gradcheck.samples.layers import LAYERS

STACKS = {  #: of layers that are here by themselves
    "Transformer", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer",
}  # fmt: skip
CONTAINERS = {"Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList"}


LONG = {"Transformer", "TransformerDecoder", "TransformerEncoder"}  #: stacks of stacks
ORDERS = [(name, 1) for name in sorted(set(LAYERS) - LONG)] + [
    pytest.param(name, order, marks=pytest.mark.thorough)
    for order, names in ((1, LONG), (2, set(LAYERS) - STACKS))
    for name in sorted(names)
]


@pytest.mark.parametrize(("name", "order"), ORDERS)
def test_gradcheck_with_parameters(name: str, order: int) -> None:
    for sample in LAYERS[name](np.random.default_rng(0)):
        result = mg.gradcheck(sample.make(), list(sample.args), order=order, directions=2, name=name)
        assert result.ok, f"{sample}\n{result}"


def test_every_layer_has_samples() -> None:
    classes = {name for name, value in vars(nn).items() if isinstance(value, type) and issubclass(value, nn.Module)}
    assert not classes - set(LAYERS) - CONTAINERS
