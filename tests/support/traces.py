"""Computations to trace, and what must hold of every trace."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.explore.trace import Trace
from minigrad.nn import functional as F

TOLERANCE = {"float64": 1e-12, "float32": 1e-6, "float16": 2e-3}


def array(value: dict[str, Any]) -> np.ndarray:
    """The numbers that a trace kept of an array."""
    return np.array([complex(x) if isinstance(x, str) and "j" in x else float(x) for x in value["data"]])


def sums(trace: Trace) -> dict[tuple[int, int, int], list[np.ndarray]]:
    """The contributions by pass, node and output."""
    found = defaultdict(list)
    for step in trace.document["backward"]:
        found[step["pass"], step["to"]["node"], step["to"]["output"]].append(array(step["add"]))
    return found


def check(trace: Trace) -> int:
    """Assert what holds for every trace; return how many gradients were compared with the sums of their contributions."""
    document = trace.document
    nodes, contributions, compared = document["nodes"], sums(trace), 0
    for k, node in enumerate(nodes):
        assert node["id"] == k
        for ref in node["inputs"]:
            assert ref is None or "constant" in ref or ref["node"] < k, "an input points forward"
        for grad in node["grads"]:
            parts = contributions.get((grad["pass"], k, grad["output"]))
            if parts is None:
                started = [(s["node"], s["output"]) for s in document["passes"][grad["pass"] - 1]["start"]]
                assert (k, grad["output"]) in started, "a gradient that came from nowhere"
            elif not node.get("hooks"):
                assert_sums_to(parts, array(grad["value"]), TOLERANCE[grad["value"]["dtype"]])
                compared += 1
    for key in contributions:
        assert any((g["pass"], key[1], g["output"]) == key for g in nodes[key[1]]["grads"]), "contributions without a gradient"
    return compared


def assert_sums_to(parts: list[np.ndarray], total: np.ndarray, tolerance: float) -> None:
    """Assert that contributions add up to a gradient, up to rounding: relative to the sum of their magnitudes."""
    with np.errstate(all="ignore"):
        difference, scale = abs(sum(parts) - total), sum(abs(part) for part in parts)
    bad = ~np.isfinite(total)
    assert np.isfinite(sum(parts)[~bad]).all()
    assert (difference[~bad] <= tolerance * scale[~bad]).all(), (difference / scale).max()


def reuse() -> mg.Tensor:
    """A value that is used twice, and a weight that is broadcast."""
    x = mg.tensor([[1.0, -2.0, 3.0], [0.5, 0.1, -1.0]], dtype="float64", requires_grad=True)
    w = mg.tensor([0.3, -0.2, 0.9], dtype="float64", requires_grad=True)
    h = x * w
    a = mg.tanh(h)
    b = h * a
    return (b + w).sum()


def cnn(dtype: str = "float32") -> tuple[nn.Module, mg.Tensor]:
    """A network with batch norm, and its loss."""
    mg.manual_seed(0)
    parts = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10)
    model = nn.Sequential(*parts).to(dtype=dtype)
    images, labels = mg.random.normal((8, 1, 8, 8), dtype=dtype), mg.tensor([0, 1, 2, 3, 4, 5, 6, 7])
    return model, F.cross_entropy(model(images), labels)


class Transformer(nn.Module):
    """Tokens to the next tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.block = nn.Embedding(20, 16), nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0)
        self.head = nn.Linear(16, 20)

    def forward(self, tokens: mg.Tensor) -> mg.Tensor:
        return self.head(self.block(self.embedding(tokens)))


def transformer(dtype: str = "float32") -> tuple[nn.Module, mg.Tensor]:
    """A transformer block between an embedding and a linear layer, and its loss."""
    mg.manual_seed(0)
    model = Transformer().to(dtype=dtype)
    tokens = mg.tensor(np.arange(12).reshape(2, 6))
    return model, F.cross_entropy(model(tokens).reshape(12, 20), mg.tensor(np.arange(1, 13)))


def chain(n: int) -> mg.Tensor:
    """A graph of n ops, in which values are used again and again."""
    x = mg.tensor(np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32), requires_grad=True)
    rng, ys = np.random.default_rng(1), [x]
    for i in range(n - 1):
        a, b = ys[-1], ys[max(0, len(ys) - 1 - int(rng.integers(1, 8)))]
        ys.append([mg.tanh, lambda a: a + b, lambda a: a * 0.5, lambda a: a - b][i % 4](a))
    return ys[-1].sum()
