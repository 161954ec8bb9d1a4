"""Batch norm and layer norm, and the mistakes in them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import combinations
from math import prod
from typing import Any

import numpy as np

from minigrad.gradcheck.causes.mistakes.function import Gradient, RecognisedFunction, Vector, same

SEEN = 3  #: samples from which a weight and a bias that are no arguments can be told: a line goes through any two points
EPS = (1e-5, 1e-3, 1e-6, 1e-12, 1e-8, 1e-4, 1e-2, 0.1, 0.0)


def normalizations(args: list[Any], y: Vector, v: Vector) -> Iterator[RecognisedFunction]:
    """Recognise batch norm and layer norm, with weight and bias among the arguments or elsewhere."""
    x, *affine = args
    affine = [a for a in affine if isinstance(a, np.ndarray)]
    if x.shape != y.shape or len(affine) > 2:
        return
    for axes in _axes(x.ndim):
        for over_axes in (False, True):
            kept = tuple(n if (i in axes) == over_axes else 1 for i, n in enumerate(x.shape))
            if any(a.size != prod(kept) for a in affine):
                continue
            shaped: list[Any] = [a.reshape(kept) for a in affine]
            for eps in EPS:
                norm = _Norm(x, 1.0, axes, eps, v)
                weight, bias = shaped + [1.0, 0.0][len(affine) :]
                if over_axes and not affine and x.size >= SEEN * prod(kept):
                    weight, bias = _implied(norm.xhat, y, kept)
                if same(norm.xhat * weight + bias, y):
                    name = "layer norm" if over_axes or (len(axes) < x.ndim and 0 not in axes) else "batch norm"
                    found = _Norm(x, weight, axes, eps, v).mistakes([a.shape for a in affine])
                    yield RecognisedFunction(f"{name} over axis {_named(axes)}, eps {eps:g}", found)
                    return


def _implied(xhat: Vector, y: Vector, kept: tuple[int, ...]) -> tuple[Vector, Vector]:
    """Return the weight and bias, of the shape ``kept``, by which y comes of normalized values, as far as there are any."""
    over = tuple(i for i, n in enumerate(kept) if n == 1)
    x_mean, y_mean = xhat.mean(axis=over, keepdims=True), y.mean(axis=over, keepdims=True)
    spread = ((xhat - x_mean) ** 2).mean(axis=over, keepdims=True)
    weight = np.divide(((xhat - x_mean) * (y - y_mean)).mean(axis=over, keepdims=True), spread, where=spread > 0, out=np.ones(kept))
    return weight, y_mean - weight * x_mean


def centrings(args: list[Any], y: Vector, v: Vector) -> Iterator[RecognisedFunction]:
    """Recognise ``x - x.mean(axis)``."""
    x = args[0]
    for axes in _axes(x.ndim):
        if same(x - x.mean(axis=axes, keepdims=True), y):
            others = {_named(other): partial(_without_mean, v, other) for other in _axes(x.ndim) if other != axes}
            mistakes: dict[str, Gradient] = {f"the right one with its mean over axis {other}": of for other, of in others.items()}
            yield RecognisedFunction(f"the deviation from the mean over axis {_named(axes)}", {0: mistakes})
            return


def _without_mean(v: Vector, axes: tuple[int, ...]) -> Vector:
    return np.asarray(v - v.mean(axis=axes, keepdims=True))


class _Norm:
    """Normalization of ``x`` over ``axes``, and its wrong gradients."""

    def __init__(self, x: Vector, weight: Any, axes: tuple[int, ...], eps: float, v: Vector) -> None:
        self.x, self.weight, self.axes, self.eps, self.v = x, weight, axes, eps, v
        self.m = prod(x.shape[i] for i in axes)
        self.centred = x - self.mean(x)
        self.var = self.mean(self.centred**2)
        self.rstd = (self.var + eps) ** -0.5
        self.xhat = self.centred * self.rstd
        self.w = v * weight

    def mean(self, t: Vector) -> Vector:
        return np.asarray(t.mean(axis=self.axes, keepdims=True))

    def dx(self, rstd: Any = None, w: Any = None, mean: float = 1.0, var: float = 1.0, xhat: Any = None) -> Vector:
        """The right gradient if nothing is changed: rstd (w - <w> - xhat <w xhat>)."""
        rstd, w = self.rstd if rstd is None else rstd, self.w if w is None else w
        xhat = self.centred * rstd if xhat is None else xhat
        return np.asarray(rstd * (w - mean * self.mean(w) - var * xhat * self.mean(w * xhat)))

    def dx_over(self, axes: tuple[int, ...]) -> Vector:
        """The gradient with the means of the backward pass over other axes."""

        def mean(t: Vector) -> Vector:
            return np.asarray(t.mean(axis=axes, keepdims=True))

        return np.asarray(self.rstd * (self.w - mean(self.w) - self.xhat * mean(self.w * self.xhat)))

    def mistakes(self, shapes: list[tuple[int, ...]]) -> dict[int, dict[str, Gradient]]:
        m = self.m
        bessel = (self.var * m / (m - 1) + self.eps) ** -0.5 if m > 1 else self.rstd
        rsqrt = np.divide(1.0, np.sqrt(self.var), where=self.var > 0, out=np.zeros_like(self.var))
        slip = 1 / (np.sqrt(self.var) + self.eps)
        of_x: dict[str, Gradient] = {
            "the right one without the term through the mean": lambda: self.dx(mean=0),
            "the right one without the term through the variance": lambda: self.dx(var=0),
            "the right one with mean and variance treated as constants": lambda: self.dx(mean=0, var=0),
            "the right one with 1/(m-1) for 1/m in the term through the variance": lambda: self.dx(var=m / (m - 1)),
            "the right one with 1/(m-1) for 1/m in the term through the mean": lambda: self.dx(mean=m / (m - 1)),
            "the right one with the sign of the term through the variance wrong": lambda: self.dx(var=-1),
            "the right one with the sign of the term through the mean wrong": lambda: self.dx(mean=-1),
            "the right one without the factor weight (gamma)": lambda: self.dx(w=self.v),
            "the right one with the weight (gamma) outside the means": lambda: self.weight * self.dx(w=self.v),
            "the right one with sums for means: the division by m is missing": lambda: self.dx(mean=m, var=m),
            "the right one with 1/(var + eps) for 1/sqrt(var + eps)": lambda: self.rstd * self.dx(),
            "the right one without the factor 1/sqrt(var + eps)": lambda: self.dx() / self.rstd,
            "the right one without eps": lambda: self.dx(rstd=rsqrt),
            "the right one with sqrt(var) + eps for sqrt(var + eps)": lambda: self.dx(rstd=slip),
            "the right one with eps dropped outside the normalized values": lambda: self.dx(rstd=rsqrt, xhat=self.xhat),
            "the right one with sqrt(var) + eps for sqrt(var + eps), but not in the normalized values": lambda: self.dx(
                rstd=slip, xhat=self.xhat
            ),
            "the right one with the unbiased variance, divided by m - 1": lambda: self.dx(rstd=bessel),
            "the right one with x - mean for the normalized values": lambda: self.dx(xhat=self.centred),
            "the right one with rstd for rstd**3 in the gradient for the variance": lambda: self.dx(xhat=self.centred),
            "the right one with x for the normalized values": lambda: self.dx(xhat=self.x),
        }
        for axes in _axes(self.x.ndim):
            if axes != self.axes:
                of_x[f"the right one with its means over axis {_named(axes)}"] = partial(self.dx_over, axes)
        found = {0: of_x}
        if shapes:
            v, first = self.v, shapes[0]
            found[1] = {
                "a sum over v times x, where x must be normalized first": lambda: self.reduced(v * self.x, first),
                "a sum over v times (x - mean), without the factor 1/sqrt(var + eps)": lambda: self.reduced(v * self.centred, first),
                "that of the bias: the factor of normalized values is missing": lambda: self.reduced(v, first),
                "a mean where a sum belongs": lambda: self.reduced(v * self.xhat, first, mean=True),
            }
        if len(shapes) > 1:
            found[2] = {
                "a mean where a sum belongs": lambda: self.reduced(self.v, shapes[1], mean=True),
                "scaled by the weight, which the bias is not": lambda: self.reduced(self.w, shapes[1]),
            }
        return found

    def reduced(self, t: Vector, shape: tuple[int, ...], mean: bool = False) -> Vector | None:
        """Sum over the axes that a parameter of this size does not have."""
        kept = np.shape(self.weight)
        over = tuple(i for i in range(t.ndim) if kept[i] == 1 and t.shape[i] > 1)
        total = t.mean(axis=over) if mean else t.sum(axis=over)
        return np.asarray(total).reshape(shape)


def _axes(ndim: int) -> Iterator[tuple[int, ...]]:
    """All choices of one axis or more."""
    for n in range(1, ndim + 1):
        yield from combinations(range(ndim), n)


def _named(axes: tuple[int, ...]) -> str:
    return str(axes if len(axes) > 1 else axes[0])
