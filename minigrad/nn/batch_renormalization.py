"""Batch renormalization as a layer: batch norm, corrected towards the running statistics."""

from __future__ import annotations

from typing import Any

from minigrad import ops
from minigrad.backends import namespace
from minigrad.core.tensor import array_of
from minigrad.nn.batch_normalization import BatchNorm

__all__ = ["BatchRenorm"]


class BatchRenorm(BatchNorm):
    """Batch renormalization of inputs of shape (N, C, ...): in training, corrected towards the running statistics.

    Parameters
    ----------
    r_max, d_max
        How far the correction may go; `minigrad.ops.batch_normalization.batch_renorm` says what they bound. They are attributes that may be
        changed: the paper starts with 1 and 0, which is batch norm, and relaxes them once the statistics have settled.
    num_features, eps, momentum, affine
        As for `BatchNorm1d`.
    """

    ndims = (2, 3, 4, 5)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        r_max: float = 3.0,
        d_max: float = 5.0,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, device=device, dtype=dtype)
        self.r_max, self.d_max = r_max, d_max

    def normalize(self, x: Any, axes: tuple[int, ...], m: int) -> Any:
        if self.group is not None:
            return self.normalize_together(x, axes)
        y, mean, var, _, _ = ops.batch_renorm(
            x, self.running_mean, self.running_var, self.weight, self.bias, axis=axes, eps=self.eps, r_max=self.r_max, d_max=self.d_max
        )
        self.update(array_of(mean), array_of(var), m)
        return y

    def normalize_together(self, x: Any, axes: tuple[int, ...]) -> Any:
        """Normalize with the statistics of all ranks; r and d, which are constants, are worked out from those, and applied after it."""
        xhat, mean, var, values = self.group.batch_norm(x, axis=axes, eps=self.eps)
        mean, var, values = array_of(mean), array_of(var), self.values_of(values, x)
        xp = namespace(mean)
        assert self.running_mean is not None
        assert self.running_var is not None
        running_std = xp.sqrt(self.running_var.data + self.eps)
        r = xp.clip(xp.sqrt(var + self.eps) / running_std, 1 / self.r_max, self.r_max)
        d = xp.clip((mean - self.running_mean.data) / running_std, -self.d_max, self.d_max)
        per = (1, -1, *[1] * (len(x.shape) - 2))
        y = xhat * r.reshape(per) + d.reshape(per)
        if self.weight is not None:
            y = y * self.weight.reshape(per)
        if self.bias is not None:
            y = y + self.bias.reshape(per)
        self.update(mean, var, values)
        return y

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, r_max={self.r_max:g}, d_max={self.d_max:g}"
