"""Batch norm as layers: the op of `minigrad.ops.batch_normalization` with parameters, running statistics and a mode.

The op is pure: it returns the statistics of the batch, and what happens to them is decided here, in
`RunningStatistics.update`, and nowhere else. A layer has three modes:

===============================================  ==================  ===================
mode                                             normalizes with     updates statistics
===============================================  ==================  ===================
training                                         the batch           yes
evaluation (``eval()``)                          the running ones    no
frozen (``freeze()``), training or evaluation    the running ones    no
===============================================  ==================  ===================

With ``track_running_stats=False`` there are no running statistics, and every mode normalizes with the batch.
"""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

import numpy as np

from minigrad import ops
from minigrad.backends import BACKENDS, namespace
from minigrad.core._capturing import can_look, recorded
from minigrad.core.device import as_device, default_device, move
from minigrad.core.mode import mode
from minigrad.core.tensor import DEFAULT_DTYPE, Tensor, array_of, wrap
from minigrad.nn import init
from minigrad.nn.module import Module, Parameter, empty_parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]

B = TypeVar("B", bound="BatchNorm")


class RunningStatistics(Module):
    """A layer with a weight and a bias for each channel, and averages of the statistics it has seen.

    Attributes
    ----------
    weight, bias : (num_features,), ones and zeros at first; None if ``affine`` is false, bias also if ``bias`` is
    running_mean, running_var : (num_features,), zeros and ones at first; None if nothing is tracked
    num_batches_tracked : how many batches went into them
    group : ranks whose batches count as one (`minigrad.distributed.synchronize`); None for this process alone
    """

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    group: Any = None  # it brings the ops it needs along, so that layers import none

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: Any,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if eps < 0:
            raise ValueError(f"{type(self).__name__}: eps={eps} must not be negative")
        if momentum is not None and not 0 <= momentum <= 1:
            raise ValueError(
                f"{type(self).__name__}: momentum={momentum} must lie between 0 and 1: it is the weight of the new value. "
                "None takes the plain average of all batches"
            )
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = empty_parameter(num_features, device=device, dtype=dtype) if affine else None
        self.bias = empty_parameter(num_features, device=device, dtype=dtype) if affine and bias else None
        place = default_device() if device is None else as_device(device)
        for name, initial in self._initial_statistics(num_features, np.dtype(dtype or DEFAULT_DTYPE)).items():
            self.register_buffer(name, wrap(move(initial, place), None) if track_running_stats else None)
        self.reset_parameters()

    @staticmethod
    def _initial_statistics(n: int, dtype: Any) -> dict[str, Any]:
        return {"running_mean": np.zeros(n, dtype), "running_var": np.ones(n, dtype), "num_batches_tracked": np.array(0, np.int64)}

    def reset_running_stats(self) -> None:
        """Forget what was seen: mean 0, variance 1, no batches."""
        for name, initial in self._initial_statistics(self.num_features, DEFAULT_DTYPE).items():
            buffer = getattr(self, name)
            if buffer is not None:
                setattr(self, name, wrap(move(initial.astype(buffer.dtype), buffer.device), None))

    def reset_parameters(self) -> None:
        """Set weight to 1, bias to 0, and forget what was seen."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def update(self, mean: Any, var: Any, m: Any) -> None:
        """Move the running statistics towards those of a batch: ``running = (1 - momentum) running + momentum new``.

        Parameters
        ----------
        mean, var
            Arrays: the mean and the *biased* variance of each channel. The variance is stored unbiased, times m / (m - 1).
        m
            How many values each of them was taken over: a number, or an array with one for each channel.

        Nothing is done in the second forward pass of a checkpoint, as the first has been here.
        """
        if not self.track_running_stats or mode.get().recomputing:
            return
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        in_place = BACKENDS[mean.__class__].services.get("update_running")  # on a GPU: one launch, which can be captured
        if in_place is not None and isinstance(m, int):
            buffers = (self.running_mean.data, self.running_var.data, self.num_batches_tracked.data)
            in_place(mean, var, *buffers, self.momentum, m)
            return
        batches = recorded(self.num_batches_tracked.data) + 1
        weight = 1 / batches if self.momentum is None else self.momentum
        self.__dict__.update(  # all at once, without the checks of what a user may assign
            num_batches_tracked=replaced(self.num_batches_tracked, namespace(mean).asarray(batches)),
            running_mean=mixed(self.running_mean, mean, weight),
            running_var=mixed(self.running_var, var, weight, m / (m - 1)),
        )

    def check_channels(self, x: Any, ndims: tuple[int, ...]) -> None:
        """Check that x has one of these numbers of axes, and the right number of channels."""
        name = type(self).__name__
        if len(x.shape) not in ndims:
            raise ValueError(f"{name}: expected an input with {' or '.join(map(str, ndims))} axes, (N, C, ...), got shape {x.shape}")
        if x.shape[1] != self.num_features:
            raise ValueError(f"{name}: the input, of shape {x.shape}, has {x.shape[1]} channels; this layer has {self.num_features}")

    def extra_repr(self) -> str:
        average = "None (average of all batches)" if self.momentum is None else f"{self.momentum:g} (weight of the new value)"
        return (
            f"{self.num_features}, eps={self.eps:g}, momentum={average}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}{' (running_var unbiased)' if self.track_running_stats else ''}"
            f"{'' if self.group is None else f', over {self.group.size} ranks'}"
        )


def mixed(old: Tensor, new: Any, weight: Any, factor: float = 1.0) -> Tensor:
    """Return ``(1 - weight) old + weight factor new``, in place of ``old``."""
    value = (1 - weight) * recorded(old.data) + weight * factor * new
    return replaced(old, value.astype(old.dtype, copy=False))


def replaced(old: Tensor, value: Any) -> Tensor:
    """Return a new tensor: graphs that saved the old one stay valid. In a captured step the old one is overwritten."""
    if mode.get().recorder is None:
        return wrap(value, None)
    recorded(old.data)[...] = value
    return old


class BatchNorm(RunningStatistics):
    """Batch norm over every axis but the second; the base of the layers for 1, 2 and 3 dimensions."""

    ndims: tuple[int, ...] = ()
    frozen: bool = False  #: whether training, too, uses the running statistics and leaves them as they are

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    @classmethod
    def from_keras(cls: type[B], num_features: int, momentum: float = 0.99, epsilon: float = 1e-3, **options: Any) -> B:
        """Make the layer that Keras calls ``BatchNormalization(momentum=..., epsilon=...)``.

        Keras gives the weight of the *old* value, PyTorch and minigrad that of the new one: this is ``momentum=1 - momentum``.
        The defaults are those of Keras.
        """
        return cls(num_features, eps=epsilon, momentum=1 - momentum, **options)

    def freeze(self: B, frozen: bool = True) -> B:
        """Use the running statistics in training, too, and leave them as they are; or no longer. Returns the layer.

        `train` and `eval` do not change this. Weight and bias still learn; see `requires_grad_`.
        """
        if frozen and self.running_mean is None:
            raise RuntimeError(f"{type(self).__name__} with track_running_stats=False has no statistics that could be frozen")
        self.frozen = frozen
        return self

    def forward(self, x: Any) -> Tensor:
        self.check_channels(x, self.ndims)
        axes = (0, *range(2, len(x.shape)))
        learning = self.training and not self.frozen
        if self.running_mean is not None and not learning:
            return ops.fixed_batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, axis=axes, eps=self.eps)
        m = x.size // self.num_features if self.num_features else 0
        if m == 1 and self.group is None:
            self.refuse_one_value(x)
        return self.normalize(x, axes, m)

    def refuse_one_value(self, x: Any) -> NoReturn:
        """Say what to do where each channel has one value."""
        together = "" if self.group is None else f", the only one on {self.group.size} ranks,"
        raise ValueError(
            f"{type(self).__name__}: a batch of shape {x.shape}{together} has one value per channel, whose variance is 0: there is "
            "nothing to normalize with. Use larger batches, drop a last batch of one sample (DataLoader(..., drop_last=True)), "
            "call eval() to predict single samples, or use LayerNorm or GroupNorm, which do not look across the batch"
        )

    def normalize(self, x: Any, axes: tuple[int, ...], m: int) -> Any:
        """Normalize with the statistics of the batch, and in training keep them."""
        return self.normalize_by((ops if self.group is None else self.group).batch_norm, x, axes, m)

    def normalize_by(self, op: Any, x: Any, axes: tuple[int, ...], m: Any) -> Any:
        """Do what `normalize` says by an op with the arguments and results of `minigrad.ops.batch_norm`, or of that of the group."""
        y, mean, var, *values = op(x, self.weight, self.bias, axis=axes, eps=self.eps)
        if values:
            m = self.values_of(values[0], x)
        if self.training:
            self.update(array_of(mean), array_of(var), m)
        return y

    def values_of(self, m: Any, x: Any) -> Any:
        """Return over how many values the group took the statistics, for `update`; refuse a single one."""
        values = array_of(m)
        if can_look(values) and (values == 1).any():
            self.refuse_one_value(x)
        return values

    def relu_after(self, x: Any) -> Any:
        """Return ``relu(self(x))``, as one op where the statistics are those of the batch. For `minigrad.nn.Sequential`."""
        axes = (0, *range(2, len(x.shape)))
        m = x.size // self.num_features if self.num_features else 0
        learns = self.running_mean is None or (self.training and not self.frozen)
        if not learns or (m == 1 and self.group is None) or type(self).normalize is not BatchNorm.normalize:
            return ops.relu(self.forward(x))
        self.check_channels(x, self.ndims)
        return self.normalize_by((ops if self.group is None else self.group).batch_norm_relu, x, axes, m)

    def extra_repr(self) -> str:
        return super().extra_repr() + (", frozen=True" if self.frozen else "")


class BatchNorm1d(BatchNorm):
    """Batch norm of inputs of shape (N, C) or (N, C, L), over every axis but that of the channels.

    y = weight (x - mean) / sqrt(var + eps) + bias. In training, mean and var are those of the batch, the variance divided by
    the number of values m; the running variance, used in evaluation, is divided by m - 1.

    Parameters
    ----------
    num_features
        Number of channels, C.
    eps
        Added to the variance.
    momentum
        Weight of the *new* value in the running statistics, as in PyTorch (`from_keras` takes that of the old one). None for
        the plain average of all batches.
    affine
        Whether there are weight and bias.
    track_running_stats
        Whether there are running statistics. Without, evaluation uses the batch as well.

    Raises
    ------
    ValueError
        In training, if there is one value per channel; if the input has the wrong number of axes or channels; if eps or
        momentum is out of range. Nothing has changed then.

    References
    ----------
    Ioffe, Szegedy: "Batch normalization", 2015, algorithms 1 and 2.
    """

    ndims = (2, 3)


class BatchNorm2d(BatchNorm):
    """Batch norm of images, (N, C, H, W): as `BatchNorm1d`."""

    ndims = (4,)


class BatchNorm3d(BatchNorm):
    """Batch norm of volumes, (N, C, D, H, W): as `BatchNorm1d`."""

    ndims = (5,)
