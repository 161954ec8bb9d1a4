"""Models to export, with an example for each: every layer that has a counterpart in ONNX."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from minigrad import nn


class Case(NamedTuple):
    """A model and what it takes; ``axes`` are the batch axes of its inputs."""

    model: nn.Module
    inputs: tuple[np.ndarray, ...]
    axes: Any = 0


class Call(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def numbers(*shape):
    """A batch of one item of this shape."""
    return np.random.default_rng(sum(shape)).standard_normal((1, *shape)).astype(np.float32)


def learned(model):
    """Give batch norms statistics other than 0 and 1."""
    rng = np.random.default_rng(1)
    for name, buffer in model.named_buffers():
        if "mean" in name or "matrix" in name:
            buffer.data[...] = rng.standard_normal(buffer.shape)
        elif "var" in name:
            buffer.data[...] = rng.uniform(0.5, 2, buffer.shape)
    return model


ROW, LINE, PICTURE, BOX = numbers(4), numbers(4, 8), numbers(4, 8, 8), numbers(4, 6, 6, 6)
SPATIAL = {1: LINE, 2: PICTURE, 3: BOX}


def layers() -> dict[str, Case]:
    """Every exported layer by name."""
    mg.manual_seed(0)
    found = {}

    def add(layer, *inputs, label="", axes: Any = 0):
        found[type(layer).__name__ + label] = Case(learned(layer), inputs, axes)

    settings = {"Threshold": (0.1, 2.0), "LogSoftmax": (1,), "Softmax": (1,), "Softmin": (1,)}
    for name in (
        "CELU", "ELU", "GELU", "GLU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "Identity", "LeakyReLU",
        "LogSigmoid", "LogSoftmax", "Mish", "PReLU", "RReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softmax",
        "Softmin", "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink", "Threshold", "Dropout", "AlphaDropout",
        "FeatureAlphaDropout",
    ):  # fmt: skip
        add(getattr(nn, name)(*settings.get(name, ())), 2 * ROW)
    add(nn.GELU("tanh"), ROW, label=" by tanh")
    add(nn.Softmax2d(), PICTURE)
    add(nn.Linear(4, 3), ROW)
    add(nn.Linear(8, 3, bias=False), LINE, label=" of more axes")
    add(nn.Bilinear(4, 4, 3), ROW, numbers(4))
    add(nn.Flatten(), PICTURE)
    add(nn.Unflatten(1, (2, 2)), ROW)
    add(nn.CosineSimilarity(), ROW, 1 + ROW)
    add(nn.PairwiseDistance(), ROW, 1 + ROW)
    for n, x in SPATIAL.items():
        add(getattr(nn, f"Conv{n}d")(4, 6, 3, stride=2, padding=1, groups=2), x)
        add(getattr(nn, f"ConvTranspose{n}d")(4, 6, 3, stride=2, padding=1, output_padding=1), x)
        add(getattr(nn, f"BatchNorm{n}d")(4), x)
        add(getattr(nn, f"InstanceNorm{n}d")(4, affine=True), x)
        add(getattr(nn, f"MaxPool{n}d")(3, 2, padding=1), x)
        add(getattr(nn, f"AvgPool{n}d")(3, 2, padding=1), x)
        add(getattr(nn, f"LPPool{n}d")(2, 2), x)
        add(getattr(nn, f"AdaptiveAvgPool{n}d")(5), x)
        add(getattr(nn, f"AdaptiveMaxPool{n}d")(5), x)
        add(getattr(nn, f"Dropout{n}d")(), x)
        for kind in ("Zero", "Reflection", "Replication", "Circular"):
            add(getattr(nn, f"{kind}Pad{n}d")(1), x)
        add(getattr(nn, f"ConstantPad{n}d")(1, 0.5), x)
    add(nn.Conv2d(4, 6, 3, padding="same", dilation=2), PICTURE, label=" same")
    add(nn.MaxPool2d(3, 2, ceil_mode=True), PICTURE, label=" ceil_mode")
    add(nn.BatchNorm1d(4), ROW, label=" of rows")
    add(nn.BatchNorm2d(4, affine=False), PICTURE, label=" without weights")
    add(nn.InstanceNorm2d(4, track_running_stats=True), PICTURE, label=" with statistics")
    add(nn.BatchRenorm(4), PICTURE)
    add(nn.ZCAWhitening(4), ROW)
    add(nn.LayerNorm((4, 8)), LINE)
    add(nn.RMSNorm(8), LINE)
    add(nn.GroupNorm(2, 4), PICTURE)
    add(nn.LocalResponseNorm(4), PICTURE)
    add(nn.Embedding(5, 4), np.array([[1, 2, 0, 4]]))
    for kind in ("RNN", "LSTM", "GRU"):
        add(getattr(nn, kind)(8, 5, 2, bidirectional=True, batch_first=True), LINE)
        add(getattr(nn, kind)(8, 5, bias=False), LINE.swapaxes(0, 1), label=" steps first", axes=1)
        add(getattr(nn, f"{kind}Cell")(4, 5), ROW)
    add(nn.RNN(8, 5, nonlinearity="relu", batch_first=True), LINE, label=" relu")
    add(nn.MultiheadAttention(8, 2, batch_first=True), LINE, 1 + LINE, 2 + LINE)
    add(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), LINE)
    add(nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), LINE, 1 + LINE)
    add(nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2), LINE)
    add(nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), 1), LINE, 1 + LINE)
    add(nn.Transformer(8, 2, 1, 1, 16, batch_first=True), LINE, 1 + LINE)
    add(nn.Sequential(nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 2)), PICTURE)
    return found
