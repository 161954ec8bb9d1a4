"""ZCA whitening as a layer: what batch norm stands in for."""

from __future__ import annotations

from typing import Any

from minigrad import ops
from minigrad.core.mode import mode
from minigrad.core.tensor import Tensor
from minigrad.nn import init
from minigrad.nn.batch_normalization import mixed
from minigrad.nn.module import Module, empty_parameter

__all__ = ["ZCAWhitening"]


class ZCAWhitening(Module):
    """Remove mean and correlations of the features of a batch, (N, C): the whitening that batch norm stands in for.

    Training uses the batch, evaluation the running averages of its mean and of its whitening matrix.

    Parameters
    ----------
    num_features
        Number of features, C.
    eps
        Added to the eigenvalues of the covariance.
    momentum
        Weight of the new value in the running averages.
    """

    running_mean: Tensor
    running_matrix: Tensor
    group: Any = None  #: ranks whose batches count as one, as for `BatchNorm1d`

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, *, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.register_buffer("running_mean", empty_parameter(num_features, device=device, dtype=dtype).detach())
        self.register_buffer("running_matrix", init.eye_(empty_parameter(num_features, num_features, device=device, dtype=dtype)).detach())

    def forward(self, x: Any) -> Tensor:
        if len(x.shape) != 2 or x.shape[1] != self.num_features:
            raise ValueError(f"ZCAWhitening: expected an input of shape (N, {self.num_features}), got {x.shape}")
        if not self.training:
            return (x - self.running_mean) @ self.running_matrix
        y, mean, matrix = self.whiten(x)
        if not mode.get().recomputing:
            self.running_mean = mixed(self.running_mean, mean.detach().data, self.momentum)
            self.running_matrix = mixed(self.running_matrix, matrix.detach().data, self.momentum)
        return y

    def whiten(self, x: Any) -> Any:
        """Whiten the batch; with a group, this rank's part of the batch of all, of which each rank then has a copy."""
        if self.group is None:
            return ops.whiten_zca(x, eps=self.eps)
        whole, mine = self.group.gather_rows(x)
        y, mean, matrix = ops.whiten_zca(whole, eps=self.eps)
        return y[mine], mean, matrix

    def extra_repr(self) -> str:
        over = "" if self.group is None else f", over {self.group.size} ranks"
        return f"{self.num_features}, eps={self.eps:g}, momentum={self.momentum:g} (weight of the new value){over}"
