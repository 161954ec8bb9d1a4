"""Augmentations: random changes of whole batches that leave the class as it is.

Each is called as ``transform(batch, generator)`` with a tuple of arrays, changes the images in the first one, of shape
(n, channels, height, width), and returns a new tuple. `DataLoader` gives each batch a generator of its own, so the
changes do not depend on what else draws random numbers. They run on the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.random import Generator

Images = Any  #: a NumPy array of shape (n, channels, height, width)
Batch = tuple[Any, ...]


class Transform:
    """A change of the images of a batch."""

    def images(self, x: Images, generator: Generator) -> Images:
        """Return the changed images."""
        raise NotImplementedError(f"{type(self).__name__}.images")

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        x, *rest = batch
        if not isinstance(x, np.ndarray) or x.ndim != 4:
            given = getattr(x, "shape", type(x).__name__)
            flat = isinstance(x, np.ndarray) and x.ndim == 2
            hint = "; give flat ones their shape before, as in x.reshape(-1, 1, 28, 28)" if flat else ""
            raise ValueError(f"{type(self).__name__} needs NumPy images of shape (n, channels, height, width), not {given}{hint}")
        return (self.images(x, generator), *rest)


class Compose:
    """One transform after another."""

    def __init__(self, transforms: list[Callable[[Batch, Generator], Batch]]) -> None:
        self.transforms = transforms

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        for transform in self.transforms:
            batch = transform(batch, generator)
        return batch


class RandomShift(Transform):
    """Move each image by up to ``pixels`` in both directions; what comes in from outside is 0."""

    def __init__(self, pixels: int = 1) -> None:
        self.pixels = pixels

    def images(self, x: Images, generator: Generator) -> Images:
        p = self.pixels
        return _windows(np.pad(x, ((0, 0), (0, 0), (p, p), (p, p))), x.shape[2:], generator)


class RandomCrop(Transform):
    """Cut a random window of ``size`` from each image, after padding with zeros on all sides."""

    def __init__(self, size: int | tuple[int, int], padding: int = 0) -> None:
        self.size, self.padding = (size, size) if isinstance(size, int) else size, padding

    def images(self, x: Images, generator: Generator) -> Images:
        p = self.padding
        padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        if padded.shape[2] < self.size[0] or padded.shape[3] < self.size[1]:
            pixels = f"{padded.shape[2]} x {padded.shape[3]} pixels"
            raise ValueError(f"RandomCrop: images of {pixels} have no window of {self.size[0]} x {self.size[1]}")
        return _windows(padded, self.size, generator)


class RandomHorizontalFlip(Transform):
    """Mirror each image with probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def images(self, x: Images, generator: Generator) -> Images:
        flip = _uniform(generator, len(x)) < self.p
        return np.where(flip[:, None, None, None], x[..., ::-1], x)


class RandomRotation(Transform):
    """Turn each image by up to ``degrees`` about its centre, interpolating between pixels; outside is 0."""

    def __init__(self, degrees: float = 10.0) -> None:
        self.degrees = degrees

    def images(self, x: Images, generator: Generator) -> Images:
        n, _, height, width = x.shape
        angle = np.radians(_uniform(generator, n, -self.degrees, self.degrees))[:, None, None]
        v, u = np.meshgrid(np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2, indexing="ij")
        row = np.cos(angle) * v + np.sin(angle) * u + (height - 1) / 2
        column = np.cos(angle) * u - np.sin(angle) * v + (width - 1) / 2
        return _bilinear(x, row, column)


class GaussianNoise(Transform):
    """Add normally distributed noise of standard deviation ``std``."""

    def __init__(self, std: float = 0.05) -> None:
        self.std = std

    def images(self, x: Images, generator: Generator) -> Images:
        return x + generator.normal(x.shape, std=self.std, dtype=x.dtype, device="cpu").numpy()


class Cutout(Transform):
    """Set a square of ``size`` pixels around a random place of each image to 0; it may lie partly outside.

    (DeVries, Taylor: "Improved regularization of convolutional neural networks with cutout", 2017.)
    """

    def __init__(self, size: int = 8) -> None:
        self.size = size

    def images(self, x: Images, generator: Generator) -> Images:
        n, _, height, width = x.shape
        inside = []
        for length in (height, width):
            first = generator.integers(length, shape=n, device="cpu").numpy() - self.size // 2
            at = np.arange(length)
            inside.append((at >= first[:, None]) & (at < first[:, None] + self.size))
        hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
        return np.where(hole, x.dtype.type(0), x)


class Photometric(Transform):
    """Change brightness (added) and contrast (about the mean of the image) by random amounts up to those given."""

    def __init__(self, brightness: float = 0.1, contrast: float = 0.1) -> None:
        self.brightness, self.contrast = brightness, contrast

    def images(self, x: Images, generator: Generator) -> Images:
        add = _uniform(generator, len(x), -self.brightness, self.brightness)[:, None, None, None]
        factor = 1 + _uniform(generator, len(x), -self.contrast, self.contrast)[:, None, None, None]
        mean = x.mean(axis=(1, 2, 3), keepdims=True)
        return ((x - mean) * factor + mean + add).astype(x.dtype)


def _uniform(generator: Generator, n: int, low: float = 0.0, high: float = 1.0) -> np.ndarray[Any, Any]:
    return generator.uniform(n, low=low, high=high, dtype=np.float64, device="cpu").numpy()


def _windows(x: Images, size: tuple[int, ...], generator: Generator) -> Images:
    """Cut a random window from each image."""
    n, channels = x.shape[:2]
    top, left = (generator.integers(x.shape[2 + i] - size[i] + 1, shape=n, device="cpu").numpy() for i in range(2))
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=(2, 3))  # (n, channels, tops, lefts, height, width)
    return windows[np.arange(n)[:, None], np.arange(channels), top[:, None], left[:, None]]


def _bilinear(x: Images, row: np.ndarray[Any, Any], column: np.ndarray[Any, Any]) -> Images:
    """Return images of the values at fractional positions of shape (n, height, width)."""
    height, width = x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))  # a rim of zeros, so that positions just outside fade out
    row, column = np.clip(row + 1, 0, height + 0.999), np.clip(column + 1, 0, width + 0.999)
    r, c = row.astype(np.int64), column.astype(np.int64)
    dr, dc = (row - r)[:, None], (column - c)[:, None]
    item, channel = np.arange(len(x))[:, None, None, None], np.arange(x.shape[1])[:, None, None]

    def at(r: np.ndarray[Any, Any], c: np.ndarray[Any, Any]) -> Images:
        return padded[item, channel, r[:, None], c[:, None]]

    top = at(r, c) * (1 - dc) + at(r, c + 1) * dc
    bottom = at(r + 1, c) * (1 - dc) + at(r + 1, c + 1) * dc
    return (top * (1 - dr) + bottom * dr).astype(x.dtype)
