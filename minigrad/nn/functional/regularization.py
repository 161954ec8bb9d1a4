"""Dropout: the mask is drawn here, from `minigrad.random`; the ops only apply it."""

from __future__ import annotations

from typing import Any

from minigrad import ops, random
from minigrad.core.tensor import Tensor

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each element to zero with probability ``p`` and divide the others by 1 - p (Srivastava et al., 2014)."""
    return _dropout("dropout", input, p, training, input.shape)


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drop whole channels of (N, C, L) or (C, L)."""
    return _dropout("dropout1d", input, p, training, _channels("dropout1d", input, 1))


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drop whole channels of (N, C, H, W); an input of three axes is taken as (N, C, L), as PyTorch does."""
    return _dropout("dropout2d", input, p, training, _channels("dropout2d", input, 1 if input.ndim == 3 else 2))


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drop whole channels of (N, C, D, H, W) or (C, D, H, W)."""
    return _dropout("dropout3d", input, p, training, _channels("dropout3d", input, 3))


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps mean 0 and variance 1 behind `selu` (Klambauer et al., 2017)."""
    return _alpha_dropout("alpha_dropout", input, p, training, input.shape)


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Alpha dropout of whole channels of (N, C, ...)."""
    return _alpha_dropout("feature_alpha_dropout", input, p, training, (*input.shape[:2], *[1] * (input.ndim - 2)))


def _dropout(name: str, x: Any, p: float, training: bool, mask_shape: tuple[int, ...]) -> Any:
    _check(name, p)
    if not training or p == 0:
        return x
    return ops.dropout(x, random.bernoulli(mask_shape, 1 - p, dtype=bool, device=x.device), p=p)


def _alpha_dropout(name: str, x: Any, p: float, training: bool, mask_shape: tuple[int, ...]) -> Any:
    _check(name, p)
    if not training or p == 0:
        return x
    if p == 1:
        return 0 * x  # the limit of the formula, which divides by zero
    return ops.alpha_dropout(x, random.bernoulli(mask_shape, 1 - p, dtype=bool, device=x.device), p)


def _channels(name: str, x: Any, n_spatial: int) -> tuple[int, ...]:
    """Return the shape of a mask with one value for each sample and channel."""
    lead = x.ndim - n_spatial
    if lead not in (1, 2):
        raise ValueError(f"{name}: the input has shape {x.shape}; expected {n_spatial + 1} or {n_spatial + 2} axes")
    return (*x.shape[:lead], *[1] * n_spatial)


def _check(name: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p is a probability, from 0 to 1, not {p}")
