"""The normalizations with PyTorch's names and arguments."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from minigrad import ops
from minigrad.core._capturing import recorded
from minigrad.core.mode import mode
from minigrad.core.tensor import Tensor
from minigrad.ops.floating import eps_of

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm"]


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Batch norm over every axis but the second: with the batch in training, with the running statistics otherwise.

    In training, running statistics that are given are overwritten, with ``momentum`` the weight of the new value; the
    layers in `minigrad.nn.batch_normalization` replace theirs instead, so that older graphs stay valid.
    """
    axes = (0, *range(2, len(input.shape)))
    if not training:
        return ops.fixed_batch_norm(input, running_mean, running_var, weight, bias, axis=axes, eps=eps)
    m = input.size // input.shape[1]
    if m == 1:
        raise ValueError(f"batch_norm: an input of shape {input.shape} has one value per channel, whose variance is 0: use larger batches")
    y, mean, var = ops.batch_norm(input, weight, bias, axis=axes, eps=eps)
    overwrite(running_mean, mean.detach().data, momentum)
    overwrite(running_var, var.detach().data * (m / (m - 1)), momentum)
    return y


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Instance norm of (N, C, ...): with the statistics of each sample, or with the running ones.

    Running statistics that are given with ``use_input_stats`` are overwritten, as for `batch_norm`.
    """
    if not use_input_stats:
        axes = (0, *range(2, len(input.shape)))
        return ops.fixed_batch_norm(input, running_mean, running_var, weight, bias, axis=axes, eps=eps)
    m = prod(input.shape[2:])
    if m == 1:
        raise ValueError(f"instance_norm: an input of shape {input.shape} has one position per channel, whose variance is 0")
    y, mean, var = ops.instance_norm(input, weight, bias, eps=eps)
    overwrite(running_mean, mean.detach().data.mean(axis=0), momentum)
    overwrite(running_var, var.detach().data.mean(axis=0) * (m / (m - 1)), momentum)
    return y


def overwrite(running: Any, new: Any, momentum: float) -> None:
    """Move a running statistic, if there is one, towards a new value; in a captured step the program does it."""
    if running is None:
        return
    value = (1 - momentum) * recorded(running.data) + momentum * new
    if mode.get().recorder is None:
        running.copy_(value)
    else:
        recorded(running.data)[...] = value.astype(running.dtype, copy=False)


def layer_norm(input: Any, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Layer norm over the last axes, of the lengths ``normalized_shape``."""
    return ops.layer_norm(input, weight, bias, axis=last_axes("layer_norm", input, normalized_shape), eps=eps)[0]


def rms_norm(input: Any, normalized_shape: Sequence[int], weight: Any = None, eps: float | None = None) -> Tensor:
    """RMS norm over the last axes, of the lengths ``normalized_shape``; eps None is the machine epsilon of the input's dtype."""
    eps = eps_of(input.dtype) if eps is None else eps
    return ops.rms_norm(input, weight, axis=last_axes("rms_norm", input, normalized_shape), eps=eps)[0]


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Group norm of (N, C, ...)."""
    return ops.group_norm(input, weight, bias, groups=num_groups, eps=eps)[0]


def local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Local response norm over channels, the second axis."""
    return ops.local_response_norm(input, size=size, alpha=alpha, beta=beta, k=k)[0]


def last_axes(name: str, x: Any, shape: Sequence[int]) -> tuple[int, ...]:
    """The last axes of x, after checking that they have the lengths ``shape``."""
    k = len(shape)
    if not k or tuple(x.shape[-k:]) != tuple(shape):
        raise ValueError(f"{name}: the last axes of the input, of shape {x.shape}, should be {tuple(shape)}")
    return tuple(range(-k, 0))
