"""The models that ``minigrad train`` offers: small, and each the plainest of its kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minigrad import nn
from minigrad.core.tensor import Tensor


def mlp(shape: tuple[int, ...], classes: int, batch_norm: bool = True, hidden: tuple[int, ...] = (64, 64)) -> nn.Sequential:
    """Linear layers with ReLU, and batch norm before it."""
    layers: list[nn.Module] = [nn.Flatten()]
    width = math.prod(shape)
    for size in hidden:
        layers += [nn.Linear(width, size, bias=not batch_norm), *([nn.BatchNorm1d(size)] if batch_norm else []), nn.ReLU()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, classes))


def cnn(shape: tuple[int, ...], classes: int, batch_norm: bool = True, width: int = 16) -> nn.Sequential:
    """Three 3 x 3 convolutions with ReLU, batch norm before it, and two halvings by max pooling."""
    channels, height, breadth = _image(shape, "cnn")

    def convolution(a: int, b: int) -> list[nn.Module]:
        norm = [nn.BatchNorm2d(b)] if batch_norm else []
        return [nn.Conv2d(a, b, 3, padding=1, bias=not batch_norm), *norm, nn.ReLU()]

    return nn.Sequential(
        *convolution(channels, width),
        *convolution(width, 2 * width),
        nn.MaxPool2d(2),
        *convolution(2 * width, 2 * width),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * width * (height // 4) * (breadth // 4), classes),
    )


class Residual(nn.Module):
    """relu(f(x) + x), where f is two 3 x 3 convolutions; a 1 x 1 convolution fits x where the shape changes.

    (He, Zhang, Ren, Sun: "Deep residual learning for image recognition", 2016.)
    """

    def __init__(self, a: int, b: int, stride: int = 1, batch_norm: bool = True) -> None:
        super().__init__()
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d if batch_norm else lambda channels: nn.Identity()
        bias = not batch_norm
        self.f = nn.Sequential(nn.Conv2d(a, b, 3, stride, 1, bias=bias), norm(b), nn.ReLU(), nn.Conv2d(b, b, 3, 1, 1, bias=bias), norm(b))
        self.fit = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=bias), norm(b)) if stride != 1 or a != b else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.f(x) + self.fit(x)
        return y.relu()


def resnet(shape: tuple[int, ...], classes: int, batch_norm: bool = True, width: int = 16) -> nn.Sequential:
    """A convolution, three residual blocks of which two halve the image, the mean over it, and a linear layer."""
    channels, _, _ = _image(shape, "resnet")
    norm = [nn.BatchNorm2d(width)] if batch_norm else []
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1, bias=not batch_norm),
        *norm,
        nn.ReLU(),
        Residual(width, width, 1, batch_norm),
        Residual(width, 2 * width, 2, batch_norm),
        Residual(2 * width, 4 * width, 2, batch_norm),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4 * width, classes),
    )


def _image(shape: tuple[int, ...], name: str) -> tuple[int, int, int]:
    if len(shape) != 3 or min(shape[1:]) < 4:
        raise ValueError(f"the model {name!r} needs images of at least 4 x 4 pixels, and the items have shape {shape}; use the model 'mlp'")
    return shape[0], shape[1], shape[2]


CLASSIFIERS: dict[str, Callable[..., nn.Module]] = {"mlp": mlp, "cnn": cnn, "resnet": resnet}


def parameter_count(model: nn.Module) -> int:
    """How many numbers the model learns."""
    return sum(p.size for p in model.parameters())


def describe(model: Any) -> str:
    """Return one line about the model."""
    return f"{type(model).__name__} with {parameter_count(model):,} parameters"
