"""Convolutions in PyTorch."""

import warnings

import torch
from torch.nn import functional as F

CONV = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}
CONV_TRANSPOSE = {3: F.conv_transpose1d, 4: F.conv_transpose2d, 5: F.conv_transpose3d}


def convolution(x, weight, bias=None, padding=0, **params):
    if isinstance(padding, tuple) and isinstance(padding[0], tuple):
        x = F.pad(x, [n for pair in reversed(padding) for n in pair])
        padding = 0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using padding='same' with even kernel lengths")  # it is slower, not different
        return CONV[x.ndim](x, weight, bias, padding=padding, **params)


def convolution_weight_grad(x, dy, kernel_size, groups=1, **params):
    weight = torch.zeros((dy.shape[1], x.shape[1] // groups, *kernel_size), dtype=x.dtype, requires_grad=True)
    y = convolution(x, weight, groups=groups, **params)
    return torch.autograd.grad(y, weight, dy, create_graph=True)[0]


def conv_transpose(x, weight, bias=None, **params):
    return CONV_TRANSPOSE[x.ndim](x, weight, bias, **params)


REFERENCES = {
    "convolution": convolution,
    "convolution_weight_grad": convolution_weight_grad,
    "conv_transpose": conv_transpose,
    "unfold": F.unfold,
    "fold": F.fold,
}
