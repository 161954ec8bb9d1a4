"""Pooling in PyTorch."""

import torch
from torch.nn import functional as F

MAX = {3: F.max_pool1d, 4: F.max_pool2d, 5: F.max_pool3d}
AVG = {3: F.avg_pool1d, 4: F.avg_pool2d, 5: F.avg_pool3d}
ADAPTIVE_MAX = {3: F.adaptive_max_pool1d, 4: F.adaptive_max_pool2d, 5: F.adaptive_max_pool3d}
ADAPTIVE_AVG = {3: F.adaptive_avg_pool1d, 4: F.adaptive_avg_pool2d, 5: F.adaptive_avg_pool3d}


def pick(x, indices):
    return x.flatten(2).gather(2, indices.flatten(2)).reshape(indices.shape)


def pick_transpose(y, indices, size):
    zeros = torch.zeros((*y.shape[:2], torch.Size(size).numel()), dtype=y.dtype)
    return zeros.scatter_add(2, indices.flatten(2), y.flatten(2)).reshape((*y.shape[:2], *size))


def avg_pool_transpose(y, size, **params):
    x = torch.zeros((*y.shape[:2], *size), dtype=y.dtype, requires_grad=True)
    return torch.autograd.grad(AVG[x.ndim](x, **params), x, y, create_graph=True)[0]


REFERENCES = {
    "max_pool": lambda x, **params: MAX[x.ndim](x, return_indices=True, **params),
    "adaptive_max_pool": lambda x, output_size: ADAPTIVE_MAX[x.ndim](x, output_size, return_indices=True),
    "pick": pick,
    "pick_transpose": pick_transpose,
    "avg_pool": lambda x, **params: AVG[x.ndim](x, **params),
    "avg_pool_transpose": avg_pool_transpose,
    "adaptive_avg_pool": lambda x, output_size: ADAPTIVE_AVG[x.ndim](x, output_size),
}
