"""Bringing features to a common scale: fitted on training data, applied to any, and undone."""

from __future__ import annotations

from typing import Any

from minigrad.backends import Array
from minigrad.core.tensor import Tensor, array_of, as_array


class Scaler:
    """x -> (x - shift) / scale, with a shift and a scale for each feature (the last axis)."""

    shift: Array | None = None
    scale: Array

    def measure(self, x: Array) -> tuple[Array, Array]:
        """Return shift and scale for data of shape (n, features)."""
        raise NotImplementedError(f"{type(self).__name__}.measure")

    def fit(self, x: Any) -> Scaler:
        """Measure the features of ``x``, of shape (..., features). Returns the scaler."""
        data = as_array(x)
        if data.ndim == 0 or data.size == 0:
            raise ValueError(f"{type(self).__name__}.fit needs data of shape (..., features), not {data.shape}")
        shift, scale = self.measure(data.reshape(-1, data.shape[-1]))
        scale[scale == 0] = 1  # a constant feature becomes 0, not NaN
        self.shift, self.scale = shift, scale
        return self

    def transform(self, x: Any) -> Any:
        """Bring ``x`` to the common scale: an array for an array, a Tensor for a Tensor."""
        data = self._checked(x)
        return _like(x, (data - self.shift) / self.scale)

    def fit_transform(self, x: Any) -> Any:
        """Return ``fit(x).transform(x)``."""
        return self.fit(x).transform(x)

    def inverse_transform(self, x: Any) -> Any:
        """Bring ``x`` back to the original scale."""
        data = self._checked(x)
        return _like(x, data * self.scale + self.shift)

    def _checked(self, x: Any) -> Array:
        data = array_of(x) if isinstance(x, Tensor) else as_array(x)
        if self.shift is None:
            raise RuntimeError(f"{type(self).__name__} was not fitted; call fit with the training data first")
        if not data.ndim or data.shape[-1] != self.shift.shape[0]:
            raise ValueError(f"{type(self).__name__} was fitted to {self.shift.shape[0]} features; the data has shape {data.shape}")
        return data


class StandardScaler(Scaler):
    """To mean 0 and standard deviation 1 (of the population: divided by n)."""

    def measure(self, x: Array) -> tuple[Array, Array]:
        return x.mean(axis=0), x.std(axis=0)


class MinMaxScaler(Scaler):
    """To the range from ``low`` to ``high``: the smallest and the largest value of the training data."""

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        if not low < high:
            raise ValueError(f"MinMaxScaler: low must be below high; they are {low!r} and {high!r}")
        self.low, self.high = low, high

    def measure(self, x: Array) -> tuple[Array, Array]:
        smallest, largest = x.min(axis=0), x.max(axis=0)
        scale = (largest - smallest) / (self.high - self.low)
        return smallest - self.low * (scale + (scale == 0)), scale


def _like(x: Any, data: Array) -> Any:
    return Tensor(data) if isinstance(x, Tensor) else data
