"""Losses, with PyTorch's names and arguments: here those between values and between vectors.

``reduction`` is "mean" (over elements; weighted where there are class weights), "sum" or "none" everywhere. Each loss
is a line or two of ops; those that would lose digits or time that way are ops of their own, in `minigrad.ops.loss`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minigrad import ops
from minigrad.backends import namespace
from minigrad.core._capturing import can_look
from minigrad.core.tensor import Tensor, array_of, wrap
from minigrad.nn.functional.distance import pairwise_distance

__all__ = [
    "cosine_embedding_loss", "gaussian_nll_loss", "huber_loss", "l1_loss", "margin_ranking_loss", "mse_loss", "poisson_nll_loss",
    "smooth_l1_loss", "triplet_margin_loss", "triplet_margin_with_distance_loss",
]  # fmt: skip


def reduced(loss: Any, reduction: str) -> Tensor:
    """Return the mean, the sum, or the losses as they are."""
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(f"unknown reduction {reduction!r}: expected 'mean', 'sum' or 'none'")


def check_arrays(name: str, x: Any, target: Any) -> None:
    """Refuse lists, numbers and None."""
    for what, value in (("input", x), ("target", target)):
        if not hasattr(value, "shape"):
            raise TypeError(f"{name}: the {what} must be a tensor or an array, not a {type(value).__name__}")


def check_shapes(name: str, x: Any, target: Any) -> None:
    """Refuse shapes that would broadcast: (N, 1) against (N,) makes N x N losses, and is hardly ever meant."""
    check_arrays(name, x, target)
    if x.shape != target.shape:
        raise ValueError(f"{name}: the input has shape {x.shape} and the target {target.shape}; they must be equal")
    check_floats(name, input=x, target=target)


def check_floats(name: str, **values: Any) -> None:
    """Refuse integers alone, whose differences and products wrap around; PyTorch refuses them, too."""
    for value in values.values():
        if not hasattr(value, "dtype") or value.dtype.kind not in "iub":
            return
    found = " and ".join([f"the {what} is {value.dtype}" for what, value in values.items()])
    raise TypeError(f"{name}: {found}; a loss is of floats: write {next(iter(values))}.astype('float32')")


# -------------------------------------------------------------------------------------------------------- regression


def mse_loss(input: Any, target: Any, *, reduction: str = "mean") -> Tensor:
    """(x - target)**2"""
    check_shapes("mse_loss", input, target)
    return reduced(ops.square(input - target), reduction)


def l1_loss(input: Any, target: Any, *, reduction: str = "mean") -> Tensor:
    """abs(x - target)"""
    check_shapes("l1_loss", input, target)
    return reduced(ops.abs(input - target), reduction)


def huber_loss(input: Any, target: Any, *, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """d**2 / 2 where d = x - target is within ``delta`` of 0, delta (abs(d) - delta / 2) further out."""
    check_shapes("huber_loss", input, target)
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, and it is {delta}")
    return reduced(ops.huber(input, target, delta=delta), reduction)


def smooth_l1_loss(input: Any, target: Any, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """`huber_loss` with delta = beta, divided by beta; `l1_loss` where beta is 0."""
    check_shapes("smooth_l1_loss", input, target)
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, and it is {beta}")
    return reduced(ops.huber(input, target, delta=beta) / beta if beta else ops.abs(input - target), reduction)


def poisson_nll_loss(
    input: Any, target: Any, *, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Tensor:
    """rate - target log rate, for the rate e**x, or x itself where ``log_input`` is false (eps is added in the logarithm).

    ``full`` adds Stirling's approximation to log(target!), target log target - target + log(2 pi target) / 2, for
    targets above 1.
    """
    check_floats("poisson_nll_loss", input=input, target=target)
    loss = ops.exp(input) - target * input if log_input else input - target * ops.log(input + eps)
    if full:
        above_1 = ops.where(target > 1, target, 1.0)
        stirling = above_1 * ops.log(above_1) - above_1 + 0.5 * ops.log(2 * math.pi * above_1)
        loss = loss + ops.where(target > 1, stirling, 0.0)
    return reduced(loss, reduction)


def gaussian_nll_loss(input: Any, target: Any, var: Any, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> Tensor:
    """(log var + (x - target)**2 / var) / 2, plus log(2 pi) / 2 where ``full`` is set.

    ``var`` has the shape of x, or 1 instead along some axes, or lacks the last axis; it may be a number. It counts as at
    least ``eps``, with the gradient of what it is.
    """
    check_floats("gaussian_nll_loss", input=input, target=target)
    if not isinstance(var, Tensor):
        var = wrap(namespace(array_of(input)).full(input.shape, var, input.dtype), None)
    if var.shape != input.shape:
        if var.shape == input.shape[:-1]:
            var = ops.expand_dims(var, -1)
        elif len(var.shape) != len(input.shape) or any(m not in (1, n) for m, n in zip(var.shape, input.shape, strict=True)):
            raise ValueError(f"gaussian_nll_loss: var has shape {var.shape}; the input, of shape {input.shape}, does not fit it")
    if can_look(var.data) and var.size and var.data.min() < 0:
        raise ValueError(f"gaussian_nll_loss: a variance is not negative, and there is {var.data.min():.6g}")
    var = var + ops.relu(eps - var.detach())
    loss = 0.5 * (ops.log(var) + ops.square(input - target) / var)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


# --------------------------------------------------------------------------------------------------------- embedding


def margin_ranking_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, *, reduction: str = "mean") -> Tensor:
    """max(0, margin - target (x1 - x2)): x1 is to be larger where the target is 1, smaller where it is -1."""
    check_floats("margin_ranking_loss", input1=input1, input2=input2)
    return reduced(ops.relu(margin - target * (input1 - input2)), reduction)


def cosine_embedding_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, *, reduction: str = "mean") -> Tensor:
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1, for the angle between x1 and x2; (N, D) or (D,)."""
    check_floats("cosine_embedding_loss", input1=input1, input2=input2)
    tiny = 1e-12
    squares = (ops.square(input1).sum(axis=-1) + tiny) * (ops.square(input2).sum(axis=-1) + tiny)
    cosine = (input1 * input2).sum(axis=-1) / ops.sqrt(squares)
    loss = ops.where(target == 1, 1 - cosine, 0.0) + ops.where(target == -1, ops.relu(cosine - margin), 0.0)
    return reduced(loss, reduction)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) with the p-norm for d.

    With ``swap`` the distance of positive and negative counts where it is the smaller one.
    """

    def distance(a: Any, b: Any) -> Any:
        return pairwise_distance(a, b, p, eps)

    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=distance, margin=margin, swap=swap, reduction=reduction
    )


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] = pairwise_distance,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with any function for the distance."""
    if margin <= 0:
        raise ValueError(f"triplet_margin_loss: margin must be positive, and it is {margin}")
    to_negative = distance_function(anchor, negative)
    if swap:
        to_negative = ops.minimum(to_negative, distance_function(positive, negative))
    return reduced(ops.relu(distance_function(anchor, positive) - to_negative + margin), reduction)
