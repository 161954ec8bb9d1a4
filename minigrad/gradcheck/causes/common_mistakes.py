"""Functions that people write backward passes for, and the mistakes they make in them, each with the gradient it gives.

A function is recognised by its values: if what is checked computes what one of these computes, its gradient is compared with that
of every mistake. The formulas here are written out for one purpose, to be wrong in a known way, and use NumPy alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from math import prod
from typing import Any

import numpy as np

Vector = np.ndarray[Any, Any]
Gradient = Callable[[], Vector | None]


@dataclass
class RecognisedFunction:
    """A function that was recognised by its values: its name, and for each input the mistakes, sentence -> gradient."""

    name: str
    mistakes: dict[int, dict[str, Gradient]]


def recognised(args: list[Any], y: Vector, v: Vector) -> Iterator[RecognisedFunction]:
    """Yield the functions that map ``args`` to ``y``, with the gradients that their mistakes give for the cotangent ``v``."""
    for family in (_normalizations, _cross_entropies, _softmaxes, _products, _max_pools):
        try:
            yield from family(args, y, v)
        except (ValueError, IndexError, TypeError):  # the arguments are not of the kind this family takes
            continue


def _same(a: Any, y: Vector) -> bool:
    return np.shape(a) == y.shape and bool(np.abs(a - y).max(initial=0.0) <= 1e-9 * max(np.abs(y).max(initial=0.0), 1e-30))


# ---------------------------------------------------------------------------------------------- batch norm, layer norm


def _normalizations(args: list[Any], y: Vector, v: Vector) -> Iterator[RecognisedFunction]:
    x, *affine = args
    affine = [a for a in affine if isinstance(a, np.ndarray)]
    if x.shape != y.shape or len(affine) > 2:
        return
    for axes in (c for n in range(1, x.ndim + 1) for c in combinations(range(x.ndim), n)):
        for over_axes in (False, True):
            kept = [tuple(n if (i in axes) == over_axes else 1 for i, n in enumerate(x.shape))] * len(affine)
            if any(a.size != prod(shape) for a, shape in zip(affine, kept, strict=True)):
                continue
            shaped: list[Any] = [a.reshape(shape) for a, shape in zip(affine, kept, strict=True)]
            weight, bias = shaped + [1.0, 0.0][len(affine) :]
            for eps in (1e-5, 1e-3, 1e-6, 1e-12, 1e-8, 1e-4, 1e-2, 0.1, 0.0):
                norm = _Norm(x, weight, axes, eps, v)
                if _same(norm.xhat * weight + bias, y):
                    name = "layer norm" if over_axes or (len(axes) < x.ndim and 0 not in axes) else "batch norm"
                    shapes = [a.shape for a in affine]
                    yield RecognisedFunction(f"{name} over axis {axes if len(axes) > 1 else axes[0]}, eps {eps:g}", norm.mistakes(shapes))
                    return


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


# ------------------------------------------------------------------------------------------------------ classification


def _softmax(x: Vector, axis: int = -1) -> Vector:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def _cross_entropies(args: list[Any], y: Vector, v: Vector) -> Iterator[RecognisedFunction]:
    x, target = args[0], args[1]
    if x.ndim != 2 or np.shape(target) not in ((x.shape[0],), x.shape):
        return
    labels = np.asarray(target)
    onehot = labels if labels.shape == x.shape else np.eye(x.shape[1])[labels.astype(int)]
    p = _softmax(x)
    losses = -(onehot * np.log(p)).sum(axis=1)
    n = len(x)
    for name, value, scale in (("mean", losses.mean(), v / n), ("sum", losses.sum(), v), ("none", losses, None)):
        if not _same(value, y):
            continue
        s = v[:, None] if scale is None else np.asarray(scale)
        d = p - onehot
        mistakes: dict[str, Gradient] = {
            "the softmax alone: the one at the label was not subtracted": lambda: s * p,
            "minus one at the label alone: the softmax was not added": lambda: -s * onehot,
            "the logits minus the one-hot labels: the softmax was not taken": lambda: s * (x - onehot),
            "the right one with the opposite sign (labels minus softmax)": lambda: -s * d,
            "the right one times the derivative of the softmax once more": lambda: s * p * (d - (d * p).sum(axis=1, keepdims=True)),
            "the right one times p (1 - p), as if each logit had a sigmoid": lambda: s * d * p * (1 - p),
            "the right one with the softmax over the batch and not over the classes": lambda: s * (_softmax(x, 0) - onehot),
            "the right one without the cotangent: the loss is taken for the last step": lambda: d / n if name == "mean" else d,
        }
        if name == "mean":
            mistakes["the right one without the division by the batch size"] = lambda: v * d
            mistakes["the right one divided by the number of classes and not by the batch size"] = lambda: v * d / x.shape[1]
        yield RecognisedFunction(f"softmax cross-entropy (reduction {name})", {0: mistakes})
        return


def _softmaxes(args: list[Any], y: Vector, v: Vector) -> Iterator[RecognisedFunction]:
    x = args[0]
    for axis in range(x.ndim):
        p = _softmax(x, axis)

        def total(t: Vector, axis: int = axis) -> Vector:
            return np.asarray(t.sum(axis=axis, keepdims=True))

        if _same(p, y):
            yield RecognisedFunction(
                f"softmax over axis {axis}",
                {
                    0: {
                        "y (1 - y) v, the diagonal of the Jacobian: elements of one row act on each other": lambda: p * (1 - p) * v,
                        "y v: the sum over the row is missing": lambda: p * v,
                        "the right one without the factor y": lambda: v - total(v * p),
                        "y (v - sum v): the sum is not weighted with y": lambda: p * (v - total(v)),
                        "y (v + sum y v): the sign of the sum is wrong": lambda: p * (v + total(v * p)),
                    }
                },
            )
        if _same(np.log(p), y):
            yield RecognisedFunction(
                f"log-softmax over axis {axis}",
                {
                    0: {
                        "v - softmax v: the sum over the row is missing": lambda: v - p * v,
                        "v - sum v: the factor softmax is missing": lambda: v - total(v),
                        "v - y sum v: log-probabilities where probabilities belong": lambda: v - y * total(v),
                        "that of the softmax": lambda: p * (v - total(v * p)),
                    }
                },
            )


# ------------------------------------------------------------------------------------------------ products and pooling


def _products(args: list[Any], y: Vector, v: Vector) -> Iterator[RecognisedFunction]:
    a, b = args[0], args[1]
    if a.ndim < 2 or b.ndim < 2 or not _same(a @ b, y):
        return

    def right(g: Vector, other: Vector, first: bool) -> Vector:
        return np.asarray(g @ other.swapaxes(-1, -2) if first else other.swapaxes(-1, -2) @ g)

    found: dict[int, dict[str, Gradient]] = {}
    for k, (x, other) in enumerate(((a, b), (b, a))):
        full = right(v, other, k == 0)
        lead = full.ndim - x.ndim
        over = (*range(lead), *(lead + i for i, n in enumerate(x.shape) if n == 1 and full.shape[lead + i] != 1))
        batch = prod(full.shape[i] for i in over)

        def take(where: int, full: Vector = full, over: Any = over, x: Vector = x) -> Vector:
            part = full
            for i in over:
                part = part.take([where], axis=i)
            return part.reshape(x.shape)

        def summed(t: Vector, over: Any = over, x: Vector = x) -> Vector:
            return np.asarray(t.sum(axis=over, keepdims=True)).reshape(x.shape)

        total = summed(full)
        mine: dict[str, Gradient] = {
            "the product without the transposition": lambda k=k, other=other, summed=summed: summed(v @ other if k == 0 else other @ v),  # type: ignore[misc]
            "the product of the cotangent with the input itself": lambda k=k, x=x, summed=summed: summed(right(v, x, k == 0)),  # type: ignore[misc]
            "the right one transposed": lambda total=total, x=x: total.swapaxes(-1, -2).reshape(x.shape),  # type: ignore[misc]
        }
        if batch > 1:
            mine["the mean over the axes that were broadcast, where the sum belongs"] = partial(np.divide, total, batch)
            mine["that of the first of the products that were broadcast, where the sum over all belongs"] = partial(take, 0)
            mine["that of the last of the products that were broadcast, where the sum over all belongs"] = partial(take, -1)
        found[k] = mine
    yield RecognisedFunction("matrix product", found)


def _max_pools(args: list[Any], y: Vector, v: Vector) -> Iterator[RecognisedFunction]:
    x = args[0]
    if x.ndim < 3 or x.ndim != y.ndim or x.ndim > 4:
        return
    spatial = x.shape[2:]
    for kernel in range(2, max(spatial) + 1):
        for stride in range(1, kernel + 1):
            counts = tuple((n - kernel) // stride + 1 for n in spatial)
            if (x.shape[0], x.shape[1], *counts) != y.shape or min(counts) < 1:
                continue
            windows = [(at, (..., *(slice(i * stride, i * stride + kernel) for i in at))) for at in np.ndindex(*counts)]
            pooled = np.zeros(y.shape)
            axes = tuple(range(2, x.ndim))
            for at, where in windows:
                pooled[(..., *at)] = x[where].max(axis=axes)
            if not _same(pooled, y):
                continue
            yield RecognisedFunction(f"max pooling, kernel {kernel}, stride {stride}", {0: _pool_mistakes(x, v, windows, axes)})
            return


def _pool_mistakes(x: Vector, v: Vector, windows: list[Any], axes: tuple[int, ...]) -> dict[str, Gradient]:
    def scattered(share: Callable[[Vector, Vector], Vector], add: bool = True) -> Vector:
        out = np.zeros(x.shape)
        for at, where in windows:
            part = share(x[where], v[(..., *at)].reshape(*v.shape[:2], *[1] * len(axes)))
            out[where] = out[where] + part if add else np.where(part != 0, part, out[where])
        return out

    def hit(w: Vector) -> Vector:
        return np.asarray(w == w.max(axis=axes, keepdims=True))

    def corner(w: Vector) -> Vector:
        mask = np.zeros(w.shape)
        mask[..., 0] = 1
        for axis in axes[:-1]:
            mask *= np.arange(w.shape[axis]).reshape([-1 if i == axis else 1 for i in range(w.ndim)]) == 0
        return mask

    size = prod(windows[0][1][1 + i].stop - windows[0][1][1 + i].start for i in range(len(axes)))
    return {
        "that of average pooling: spread evenly over the window": lambda: scattered(lambda w, g: np.broadcast_to(g / size, w.shape)),
        "handed to every element of the window, not to the largest": lambda: scattered(lambda w, g: np.broadcast_to(g, w.shape)),
        "handed to the smallest element of the window": lambda: scattered(lambda w, g: g * hit(-w)),
        "handed to the first element of the window": lambda: scattered(lambda w, g: g * corner(w)),
        "overwritten where windows overlap, where it must be added": lambda: scattered(lambda w, g: g * hit(w), add=False),
        "multiplied with the largest value, whose derivative is one": lambda: scattered(lambda w, g: g * hit(w) * w),
        "divided by the size of the window": lambda: scattered(lambda w, g: g * hit(w) / size),
    }
