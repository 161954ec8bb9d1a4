"""The work that is compared. One definition serves minigrad and PyTorch, whose names are the same.

A workload is a function of a `Framework` that makes its arrays and returns a step: a function that does the work once
and returns what must agree between the peers, a list of arrays (the loss and some gradients). The other peers have
their forms in functional.py, jax_peer.py and mygrad_peer.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Step = Callable[[], list[Any]]
RNG_SEED = 0
ADAM_SHAPES: list[tuple[int, ...]] = [(160, 160)] * 39 + [(1600,)]  #: 1 M parameters in 40 tensors


@dataclass
class Framework:
    """What differs between minigrad and PyTorch: where names live, and how an array becomes a tensor."""

    name: str
    mg: Any  #: minigrad, or torch
    nn: Any
    F: Any
    optim: Any

    def tensor(self, array: np.ndarray, requires_grad: bool = False) -> Any:
        t = self.mg.Tensor(array) if self.name == "minigrad" else self.mg.from_numpy(array)
        return t.requires_grad_() if requires_grad else t


def minigrad() -> Framework:
    import minigrad as mg
    from minigrad import nn, optim
    from minigrad.nn import functional

    return Framework("minigrad", mg, nn, functional, optim)


def torch() -> Framework:
    import torch as th

    return Framework("torch", th, th.nn, th.nn.functional, th.optim)


def numpy_of(value: Any) -> np.ndarray:
    return np.asarray(value.detach().numpy() if hasattr(value, "detach") else value)


def normal(*shape: int, scale: float = 1.0, seed: int = RNG_SEED) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def initial(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Values of parameters of these shapes, the same for every peer."""
    values = []
    for i, shape in enumerate(shapes):
        scale = (math.prod(shape[1:]) or 1) ** -0.5 if len(shape) > 1 else 0.1
        value = normal(*shape, scale=scale, seed=i + 1)
        values.append(value + 1 if len(shape) == 1 and i % 2 == 0 else value)
    return values


def fill(model: Any, f: Framework) -> None:
    """Give the parameters values that are the same for every peer."""
    params = list(model.parameters())
    for p, value in zip(params, initial([tuple(p.shape) for p in params]), strict=True):
        if f.name == "minigrad":
            p.copy_(value)
        else:
            p.data.copy_(f.mg.from_numpy(value))


def training(f: Framework, model: Any, x: np.ndarray, labels: np.ndarray, optimizer: Callable[[Any], Any]) -> Step:
    fill(model, f)
    opt, inputs, targets = optimizer(model.parameters()), f.tensor(x), f.tensor(labels)
    first = next(iter(model.parameters()))

    def step() -> list[Any]:
        opt.zero_grad()
        loss = f.F.cross_entropy(model(inputs), targets)
        loss.backward()
        gradient = first.grad
        opt.step()
        return [loss, gradient]

    return step


def mlp(batch: int, norm: bool) -> Callable[[Framework], Step]:
    def make(f: Framework) -> Step:
        nn = f.nn
        layers: list[Any] = []
        for n, m in ((784, 256), (256, 128)):
            layers += [nn.Linear(n, m), *([nn.BatchNorm1d(m)] if norm else []), nn.ReLU()]
        model = nn.Sequential(*layers, nn.Linear(128, 10))
        labels = np.random.default_rng(1).integers(0, 10, batch)
        return training(f, model, normal(batch, 784), labels, lambda p: f.optim.SGD(p, lr=0.05))

    return make


def cnn64(f: Framework) -> Step:
    nn = f.nn
    layers: list[Any] = []
    for n, m in ((1, 16), (16, 32)):
        layers += [nn.Conv2d(n, m, 3, padding=1), nn.BatchNorm2d(m), nn.ReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 7 * 7, 10))
    labels = np.random.default_rng(1).integers(0, 10, 64)
    return training(f, model, normal(64, 1, 28, 28), labels, lambda p: f.optim.Adam(p, lr=1e-3))


def batch_norm(*shape: int) -> Callable[[Framework], Step]:
    def make(f: Framework) -> Step:
        layer = (f.nn.BatchNorm1d if len(shape) == 2 else f.nn.BatchNorm2d)(shape[1])
        x, g = f.tensor(normal(*shape) * 2 + 1, requires_grad=True), f.tensor(normal(*shape, seed=2))

        def step() -> list[Any]:
            x.grad = None
            y = layer(x)
            y.backward(g)
            return [y, x.grad]

        return step

    return make


def convolution(batch: int, channels: int, out: int, size: int) -> Callable[[Framework], Step]:
    def make(f: Framework) -> Step:
        layer = f.nn.Conv2d(channels, out, 3, padding=1)
        fill(layer, f)
        x, g = f.tensor(normal(batch, channels, size, size), requires_grad=True), f.tensor(normal(batch, out, size, size, seed=2))

        def step() -> list[Any]:
            x.grad = layer.weight.grad = layer.bias.grad = None
            y = layer(x)
            y.backward(g)
            return [y, x.grad, layer.weight.grad]

        return step

    return make


def attention(f: Framework) -> Step:
    batch, length, width, heads = 16, 64, 128, 4
    norm, project, out = f.nn.LayerNorm(width), f.nn.Linear(width, 3 * width), f.nn.Linear(width, width)
    for part in (project, out):
        fill(part, f)
    x, g = f.tensor(normal(batch, length, width), requires_grad=True), f.tensor(normal(batch, length, width, seed=2))
    mask = f.tensor(np.triu(np.full((length, length), -1e9, np.float32), 1))
    params = [p for part in (norm, project, out) for p in part.parameters()]

    def step() -> list[Any]:
        x.grad = None
        for p in params:
            p.grad = None
        qkv = project(norm(x)).reshape(batch, length, 3, heads, width // heads)
        q, k, v = (qkv[:, :, i].swapaxes(1, 2) for i in range(3))
        scores = f.F.softmax(q @ k.swapaxes(-1, -2) * (width // heads) ** -0.5 + mask, -1)
        y = out((scores @ v).swapaxes(1, 2).reshape(batch, length, width))
        y.backward(g)
        return [y, x.grad, project.weight.grad]

    return step


def lstm(f: Framework) -> Step:
    batch, length, width = 32, 50, 128
    layer = f.nn.LSTM(width, width)
    fill(layer, f)
    x, g = f.tensor(normal(length, batch, width), requires_grad=True), f.tensor(normal(length, batch, width, seed=2))

    def step() -> list[Any]:
        x.grad = None
        for p in layer.parameters():
            p.grad = None
        y, _ = layer(x)
        y.backward(g)
        return [y, x.grad, layer.weight_hh_l0.grad]

    return step


def adam(f: Framework) -> Step:
    params = [f.tensor(normal(*shape, seed=i), requires_grad=True) for i, shape in enumerate(ADAM_SHAPES)]
    grads = [f.tensor(normal(*shape, seed=i + 100)) for i, shape in enumerate(ADAM_SHAPES)]
    opt = f.optim.Adam(params, lr=1e-3)

    def step() -> list[Any]:
        for p, g in zip(params, grads, strict=True):
            p.grad = g
        opt.step()
        return [params[0]]

    return step


def maxpool(f: Framework) -> Step:
    x, g = f.tensor(normal(64, 32, 28, 28), requires_grad=True), f.tensor(normal(64, 32, 14, 14, seed=2))

    def step() -> list[Any]:
        x.grad = None
        y = f.F.max_pool2d(x, 2)
        y.backward(g)
        return [y, x.grad]

    return step


def softmax_ce(f: Framework) -> Step:
    x, labels = f.tensor(normal(512, 1000), requires_grad=True), f.tensor(np.random.default_rng(1).integers(0, 1000, 512))

    def step() -> list[Any]:
        x.grad = None
        loss = f.F.cross_entropy(x, labels)
        loss.backward()
        return [loss, x.grad]

    return step


def chain(length: int, shape: tuple[int, ...]) -> Callable[[Framework], Step]:
    def make(f: Framework) -> Step:
        start = np.random.default_rng(0).random(shape)
        x, w = f.tensor(start.copy(), requires_grad=True), f.tensor(start.copy(), requires_grad=True)
        g = f.tensor(np.ones(shape))
        tanh = f.mg.tanh

        def step() -> list[Any]:
            x.grad = w.grad = None
            y = x
            for _ in range(length // 3):
                y = tanh(y * w + x)
            y.backward(g)
            return [y, x.grad]

        return step

    return make


WORKLOADS: dict[str, Callable[[Framework], Step]] = {
    "overhead": chain(999, (4, 4)),
    "mlp64": mlp(64, norm=False),
    "mlp512": mlp(512, norm=False),
    "bnmlp64": mlp(64, norm=True),
    "bnmlp512": mlp(512, norm=True),
    "bn_64x32x28x28": batch_norm(64, 32, 28, 28),
    "bn_32x64x56x56": batch_norm(32, 64, 56, 56),
    "bn_256x1024": batch_norm(256, 1024),
    "cnn64": cnn64,
    "conv_small": convolution(64, 16, 32, 14),
    "conv_large": convolution(32, 32, 64, 28),
    "attention": attention,
    "lstm": lstm,
    "adam": adam,
    "maxpool": maxpool,
    "softmax_ce": softmax_ce,
    "deep": chain(99_999, (4, 4)),
}
