"""PyTorch's reductions and cumulative ops."""

import torch


def axes(x, axis):
    return tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)


def over_axes(function):
    """A reduction that takes several axes."""

    def reduce(x, axis=None, keepdims=False, **params):
        dims = axes(x, axis)
        return function(x, dim=dims, keepdim=keepdims, **params) if dims else function(x[None], dim=0, keepdim=False, **params)

    return reduce


def over_one_axis(function):
    """A reduction that PyTorch has for one axis only: the others are joined to it first."""

    def reduce(x, axis=None, keepdims=False, **params):
        dims = sorted(d % max(x.ndim, 1) for d in axes(x, axis))
        moved = x.movedim(dims, list(range(-len(dims), 0))) if dims else x[..., None]
        rest = moved.shape[: moved.ndim - len(dims)] if dims else x.shape
        y = function(moved.reshape(*rest, -1) if 0 not in moved.shape else moved, dim=-1, **params)
        return y.reshape([1 if i in dims else n for i, n in enumerate(x.shape)]) if keepdims else y

    return reduce


def recurrence(a, b, axis=None, reverse=False):
    a, b = a.movedim(axis or 0, 0), b.movedim(axis or 0, 0)
    y, rows = torch.zeros_like(b[:1]).sum(0), []
    for k in reversed(range(len(b))) if reverse else range(len(b)):
        y = a[k] * y + b[k]
        rows.append(y)
    if not rows:
        return (a * b).movedim(0, axis or 0)
    return torch.stack(rows[::-1] if reverse else rows).movedim(0, axis or 0)


REFERENCES = {
    "sum": over_axes(torch.sum),
    "mean": over_axes(torch.mean),
    "prod": over_one_axis(torch.prod),
    "max": over_axes(torch.amax),
    "min": over_axes(torch.amin),
    "var": lambda x, correction=0, **params: over_axes(torch.var)(x, correction=correction, **params),
    "std": lambda x, correction=0, **params: over_axes(torch.std)(x, correction=correction, **params),
    "logsumexp": over_axes(torch.logsumexp),
    "vector_norm": over_axes(torch.linalg.vector_norm),
    "all": over_one_axis(torch.all),
    "any": over_one_axis(torch.any),
    "count_nonzero": over_one_axis(lambda x, dim: torch.count_nonzero(x, dim=dim)),
    "argmax": lambda x, axis=None, keepdims=False: torch.argmax(x, dim=axis, keepdim=keepdims),
    "argmin": lambda x, axis=None, keepdims=False: torch.argmin(x, dim=axis, keepdim=keepdims),
    "cumulative_sum": lambda x, axis=None: torch.cumsum(x, dim=axis or 0),
    "cumulative_prod": lambda x, axis=None: torch.cumprod(x, dim=axis or 0),
    "cummax": lambda x, axis=None: tuple(torch.cummax(x, dim=axis or 0)),
    "cummin": lambda x, axis=None: tuple(torch.cummin(x, dim=axis or 0)),
    "logcumsumexp": lambda x, axis=None: torch.logcumsumexp(x, dim=axis or 0),
    "linear_recurrence": recurrence,
}
