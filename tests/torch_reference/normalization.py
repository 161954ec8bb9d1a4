"""Layer, RMS, group, instance and local response norm in PyTorch, and whitening."""

import torch
from torch.nn import functional as F


def sorted_axes(x, axis):
    return sorted(a % x.ndim for a in ([axis] if isinstance(axis, int) else axis))


def features_last(function, x, axes):
    """Apply a function of the features, the last axes, to an x that has them at ``axes``."""
    order = [i for i in range(x.ndim) if i not in axes] + axes
    return function(x.permute(*order), [x.shape[i] for i in axes]).permute(*[order.index(i) for i in range(x.ndim)])


def variance(x, axes):
    return ((x - x.mean(axes, keepdim=True)) ** 2).mean(axes)  # torch.var warns where there are no samples


def layer_norm(x, weight=None, bias=None, *, axis=-1, eps=1e-5):
    axes = sorted_axes(x, axis)
    y = features_last(lambda t, shape: F.layer_norm(t, shape, weight, bias, eps), x, axes)
    return y, x.mean(axes), variance(x, axes)


def rms_norm(x, weight=None, *, axis=-1, eps=1e-6):
    axes = sorted_axes(x, axis)
    return features_last(lambda t, shape: F.rms_norm(t, shape, weight, eps), x, axes), (x * x).mean(axes)


def group_norm(x, weight=None, bias=None, *, groups, eps=1e-5):
    per_group = x.unflatten(1, (groups, x.shape[1] // groups)).flatten(2)
    weight = torch.ones_like(bias) if weight is None and bias is not None else weight  # else PyTorch fails in backward
    y = F.group_norm(x, groups, weight, bias, eps) if x.shape[0] else x * 1
    return y, per_group.mean(2), variance(per_group, 2)


def instance_norm(x, weight=None, bias=None, *, eps=1e-5):
    axes = list(range(2, x.ndim))
    y = F.instance_norm(x, None, None, weight, bias, True, 0.1, eps) if x.shape[0] else x * 1
    return y, x.mean(axes), variance(x, axes)


def local_response_norm(x, *, size, alpha=1e-4, beta=0.75, k=1.0, axis=1):
    moved = (x if x.ndim > 2 else x.unsqueeze(-1)).movedim(axis if x.ndim > 2 else 1, 1)
    energy = F.pad((moved * moved).movedim(1, -1), (size // 2, (size - 1) // 2)).unfold(-1, size, 1).sum(-1).movedim(-1, 1)
    scale = (k + alpha / size * energy).movedim(1, axis if x.ndim > 2 else 1).reshape(x.shape)
    if not x.numel():
        return x * 1, scale
    return F.local_response_norm(moved, size, alpha, beta, k).movedim(1, axis if x.ndim > 2 else 1).reshape(x.shape), scale


def moving_sum(x, *, axis, before, after):
    if not x.numel():
        return x * 1
    return F.pad(x.movedim(axis, -1), (before, after)).unfold(-1, before + after + 1, 1).sum(-1).movedim(-1, axis)


def lyapunov(a, q):
    n = a.shape[0]
    a, eye = (a + a.T) / 2, torch.eye(n, dtype=a.dtype)
    return torch.linalg.solve(torch.kron(a, eye) + torch.kron(eye, a), q.reshape(-1)).reshape(n, n)


def whiten_zca(x, *, eps=1e-5):
    """By Newton's iteration for the inverse square root, as PyTorch's eigh has no derivative where eigenvalues coincide."""
    mean = x.mean(0)
    centred = x - mean
    cov = centred.T @ centred / x.shape[0] + eps * torch.eye(x.shape[1], dtype=x.dtype)
    scale = cov.trace().detach()
    y, z, eye = cov / scale, torch.eye(x.shape[1], dtype=x.dtype), torch.eye(x.shape[1], dtype=x.dtype)
    for _ in range(40):
        step = (3 * eye - z @ y) / 2
        y, z = y @ step, step @ z
    matrix = z / torch.sqrt(scale)
    return centred @ matrix, mean, matrix


REFERENCES = {
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "instance_norm": instance_norm,
    "local_response_norm": local_response_norm,
    "moving_sum": moving_sum,
    "lyapunov": lyapunov,
    "whiten_zca": whiten_zca,
}
