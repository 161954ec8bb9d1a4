"""Layers that normalize each sample by itself: LayerNorm, RMSNorm, GroupNorm, InstanceNorm, LocalResponseNorm."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from minigrad import ops
from minigrad.backends import namespace
from minigrad.core.tensor import Tensor, array_of
from minigrad.nn import functional as F, init
from minigrad.nn.batch_normalization import RunningStatistics
from minigrad.nn.module import Module, Parameter, empty_parameter

__all__ = [
    "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LayerNorm", "LocalResponseNorm", "RMSNorm",
]  # fmt: skip


class _OverLastAxes(Module):
    """A normalization over the last axes of the input, which have the shape ``normalized_shape``."""

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float | None, elementwise_affine: bool, bias: bool, device: Any, dtype: Any
    ) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        shape = self.normalized_shape
        if not shape:
            raise ValueError(f"{type(self).__name__}: normalized_shape must name the length of at least one axis")
        self.weight = empty_parameter(*shape, device=device, dtype=dtype) if elementwise_affine else None
        self.bias = empty_parameter(*shape, device=device, dtype=dtype) if elementwise_affine and bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weight to 1 and bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LayerNorm(_OverLastAxes):
    """Normalize each sample to mean 0 and variance 1 over its last axes, then scale and shift each feature.

    Parameters
    ----------
    normalized_shape
        Lengths of the axes to normalize over.
    eps
        Added to the variance.
    elementwise_affine
        Whether there is a weight, of shape ``normalized_shape``.
    bias
        Whether there is a bias beside it.

    References
    ----------
    Ba, Kiros, Hinton: "Layer normalization", 2016.
    """

    eps: float

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(normalized_shape, eps, elementwise_affine, bias, device, dtype)

    def forward(self, x: Any) -> Tensor:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(_OverLastAxes):
    """Scale each sample to root mean square 1 over its last axes, then scale each feature.

    Parameters
    ----------
    normalized_shape
        Lengths of the axes to normalize over.
    eps
        Added to the mean square; None for the machine epsilon of the input's dtype.
    elementwise_affine
        Whether there is a weight, of shape ``normalized_shape``.

    References
    ----------
    Zhang, Sennrich: "Root mean square layer normalization", 2019.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(normalized_shape, eps, elementwise_affine, False, device, dtype)

    def forward(self, x: Any) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)


class GroupNorm(Module):
    """Normalize each sample, (N, C, ...), over groups of channels, then scale and shift each channel.

    Parameters
    ----------
    num_groups
        Into how many groups the channels are divided.
    num_channels
        Number of channels, a multiple of ``num_groups``.
    eps
        Added to the variance.
    affine, bias
        Whether there are weight and bias; ``bias=False`` leaves out the bias alone.

    References
    ----------
    Wu, He: "Group normalization", 2018.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(f"GroupNorm: num_channels={num_channels} must be divisible by num_groups={num_groups}")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self.weight = empty_parameter(num_channels, device=device, dtype=dtype) if affine else None
        self.bias = empty_parameter(num_channels, device=device, dtype=dtype) if affine and bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weight to 1 and bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x: Any) -> Tensor:
        if len(x.shape) < 2 or x.shape[1] != self.num_channels:
            raise ValueError(f"GroupNorm: expected an input of shape (N, {self.num_channels}, ...), got {x.shape}")
        if prod(x.shape[1:]) == self.num_groups:
            raise ValueError(f"GroupNorm: an input of shape {x.shape} has one value in each of {self.num_groups} groups; use fewer groups")
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps:g}, affine={self.affine}"


class _InstanceNorm(RunningStatistics):
    """Instance norm; the base of the layers for 1, 2 and 3 dimensions."""

    dims = 0

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, x: Any) -> Tensor:
        if len(x.shape) == self.dims + 1:  # a single sample
            return self.forward(x.reshape((1, *x.shape))).reshape(x.shape)
        self.check_channels(x, (self.dims + 2,))
        if self.running_mean is not None and not self.training:
            axes = (0, *range(2, len(x.shape)))
            return ops.fixed_batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, axis=axes, eps=self.eps)
        m = prod(x.shape[2:])
        if m == 1:
            raise ValueError(
                f"{type(self).__name__}: an input of shape {x.shape} has one position per channel, whose variance is 0: "
                "there is nothing to normalize with. Use larger inputs, or GroupNorm with fewer groups than channels"
            )
        y, mean, var = ops.instance_norm(x, self.weight, self.bias, eps=self.eps)
        if self.training and self.track_running_stats:
            mean, var = self.averages(array_of(mean), array_of(var))
            self.update(mean, var, m)
        return y

    def averages(self, *statistics: Any) -> list[Any]:
        """Return the averages of statistics over the samples, axis 0: over those of all ranks, where there is a group."""
        if self.group is None:
            return [s.mean(axis=0) for s in statistics]
        xp = namespace(*statistics)
        n = xp.full(self.num_features, float(len(statistics[0])))
        *totals, n = self.group.all_reduce(xp.stack([*[s.sum(axis=0, dtype=n.dtype) for s in statistics], n]))
        return [(total / n).astype(s.dtype) for total, s in zip(totals, statistics, strict=True)]


class InstanceNorm1d(_InstanceNorm):
    """Normalize each channel of each sample, (N, C, L) or (C, L), over its positions.

    Parameters
    ----------
    num_features
        Number of channels, C.
    eps
        Added to the variance.
    momentum, track_running_stats
        As for `BatchNorm1d`: the running statistics are averages over the samples, and used in evaluation.
        (``num_batches_tracked`` counts here; in PyTorch it stays 0 for this layer.)
    affine, bias
        Whether there are weight and bias; ``bias=False`` leaves out the bias alone.

    References
    ----------
    Ulyanov, Vedaldi, Lempitsky: "Instance normalization", 2016.
    """

    dims = 1


class InstanceNorm2d(_InstanceNorm):
    """Instance norm of images, (N, C, H, W) or (C, H, W): as `InstanceNorm1d`."""

    dims = 2


class InstanceNorm3d(_InstanceNorm):
    """Instance norm of volumes, (N, C, D, H, W) or (C, D, H, W): as `InstanceNorm1d`."""

    dims = 3


class LocalResponseNorm(Module):
    """Divide each value by a power of the energy of its neighbours in other channels (axis 1).

    Parameters
    ----------
    size, alpha, beta, k
        As for `minigrad.ops.local_response`.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Any) -> Tensor:
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
