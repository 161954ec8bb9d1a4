"""Toy problems: points in the plane and noisy curves, as large as one likes and the same for the same seed."""

from __future__ import annotations

import math

import numpy as np

from minigrad.backends import Array
from minigrad.data.dataset import TensorDataset
from minigrad.random import Generator


def moons(n: int = 500, noise: float = 0.1, seed: int = 0) -> TensorDataset:
    """Two half circles of radius 1, one opening downwards around (0, 0), one upwards around (1, 0.5)."""
    generator = Generator(seed)
    label = np.arange(n) % 2
    angle = math.pi * generator.uniform(n, dtype=np.float64, device="cpu").numpy()
    x = np.where(label == 0, np.cos(angle), 1 - np.cos(angle))
    y = np.where(label == 0, np.sin(angle), 0.5 - np.sin(angle))
    return _points(np.stack([x, y], axis=1), label, noise, generator, 2)


def spirals(n: int = 600, classes: int = 3, turns: float = 0.75, noise: float = 0.02, seed: int = 0) -> TensorDataset:
    """Arms of a spiral, one for each class: radius r from 0 to 1 at the angle 2 pi (class / classes + turns * r)."""
    generator = Generator(seed)
    label = np.arange(n) % classes
    radius = np.sqrt(generator.uniform(n, low=0.01, high=1.0, dtype=np.float64, device="cpu").numpy())
    angle = 2 * math.pi * (label / classes + turns * radius)
    return _points(radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), label, noise, generator, classes)


def blobs(n: int = 500, classes: int = 3, features: int = 2, std: float = 1.0, seed: int = 0) -> TensorDataset:
    """Normal distributions around one random centre in [-10, 10]^features for each class."""
    generator = Generator(seed)
    label = np.arange(n) % classes
    centres = generator.uniform((classes, features), low=-10.0, high=10.0, dtype=np.float64, device="cpu").numpy()
    return _points(centres[label], label, std, generator, classes)


def sine(n: int = 200, noise: float = 0.1, seed: int = 0) -> TensorDataset:
    """Pairs (x, sin(x) + noise) with x spread evenly over [-pi, pi), both of shape (n, 1)."""
    generator = Generator(seed)
    x = generator.uniform((n, 1), low=-math.pi, high=math.pi, dtype=np.float64, device="cpu").numpy()
    y = np.sin(x) + generator.normal((n, 1), std=noise, dtype=np.float64, device="cpu").numpy()
    return TensorDataset(x.astype(np.float32), y.astype(np.float32))


def _points(points: Array, label: Array, noise: float, generator: Generator, classes: int) -> TensorDataset:
    noisy = points + generator.normal(points.shape, std=noise, dtype=np.float64, device="cpu").numpy()
    return TensorDataset(noisy.astype(np.float32), label.astype(np.int64), classes=[str(i) for i in range(classes)])
