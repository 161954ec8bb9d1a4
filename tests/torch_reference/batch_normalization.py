"""Batch norm in PyTorch. The statistics are written out, as PyTorch does not return them."""

import torch


def spread(value, x, axes):
    return value.reshape([1 if i in axes else n for i, n in enumerate(x.shape)])


def channels_second(x, axes):
    """Permute and reshape x to (m, C): what PyTorch's batch norm takes."""
    kept = [i for i in range(x.ndim) if i not in axes]
    return x.permute(*axes, *kept).reshape(-1, *[x.shape[i] for i in kept]).flatten(1) if kept else x.reshape(-1, 1)


def statistics(x, axis):
    axes = [a % x.ndim for a in ([axis] if isinstance(axis, int) else axis)]
    mean = x.mean(axes)
    return axes, mean, ((x - spread(mean, x, axes)) ** 2).mean(axes)  # torch.var warns where there are no channels


def flat(value):
    return None if value is None else value.reshape(-1)


def unflatten(y, x, axes):
    kept = [i for i in range(x.ndim) if i not in axes]
    order = [*axes, *kept]
    return y.reshape([x.shape[i] for i in order]).permute(*[order.index(i) for i in range(x.ndim)])


def batch_norm(x, weight=None, bias=None, *, axis, eps=1e-5):
    axes, mean, var = statistics(x, axis)
    if not eps or not x.numel():  # PyTorch refuses eps = 0, and no channels
        return fixed_batch_norm(x, mean, var, weight, bias, axis=axis, eps=eps), mean, var
    y = torch.nn.functional.batch_norm(channels_second(x, axes), None, None, flat(weight), flat(bias), training=True, eps=eps)
    return unflatten(y, x, axes), mean, var


def fixed_batch_norm(x, mean, var, weight=None, bias=None, *, axis, eps=1e-5):
    axes = [a % x.ndim for a in ([axis] if isinstance(axis, int) else axis)]
    y = (x - spread(mean, x, axes)) / torch.sqrt(spread(var, x, axes) + eps)
    y = y if weight is None else y * spread(weight, x, axes)
    return y if bias is None else y + spread(bias, x, axes)


def batch_renorm(x, running_mean, running_var, weight=None, bias=None, *, axis, r_max, d_max, eps=1e-5):
    axes, mean, var = statistics(x, axis)
    running_std = torch.sqrt(running_var + eps)
    r = torch.clip(torch.sqrt(var + eps) / running_std, 1 / r_max, r_max).detach()
    d = torch.clip((mean - running_mean) / running_std, -d_max, d_max).detach()
    xhat = (x - spread(mean, x, axes)) / torch.sqrt(spread(var, x, axes) + eps)
    y = xhat * spread(r, x, axes) + spread(d, x, axes)
    y = y if weight is None else y * spread(weight, x, axes)
    return y if bias is None else y + spread(bias, x, axes), mean, var, r, d


def batch_norm_relu(x, weight=None, bias=None, *, axis, eps=1e-5):
    y, mean, var = batch_norm(x, weight, bias, axis=axis, eps=eps)
    return y.relu(), mean, var


REFERENCES = {
    "batch_norm_relu": batch_norm_relu,
    "batch_norm": batch_norm,
    "fixed_batch_norm": fixed_batch_norm,
    "batch_renorm": batch_renorm,
}
