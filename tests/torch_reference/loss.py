"""Losses, for each sample or element, in PyTorch."""

import torch
import torch.nn.functional as F


def softmax_cross_entropy(x, labels, label_smoothing=0.0):
    flat = x.reshape(-1, x.shape[-1])
    loss = F.cross_entropy(flat, labels.reshape(-1), reduction="none", label_smoothing=label_smoothing)
    return loss.reshape(labels.shape), x.softmax(dim=-1)


def mean_cross_entropy(x, labels, ignore_index=-100, label_smoothing=0.0):
    flat, labels = x.reshape(-1, x.shape[-1]), labels.reshape(-1)
    return F.cross_entropy(flat, labels, ignore_index=ignore_index, label_smoothing=label_smoothing), x.softmax(dim=-1)


def elementwise(loss):
    def function(x, target, **params):
        return loss(*torch.broadcast_tensors(x, target), reduction="none", **params)

    return function


REFERENCES = {
    "softmax_cross_entropy": softmax_cross_entropy,
    "mean_cross_entropy": mean_cross_entropy,
    "sigmoid_cross_entropy": elementwise(F.binary_cross_entropy_with_logits),
    "binary_cross_entropy": elementwise(F.binary_cross_entropy),
    "huber": elementwise(F.huber_loss),
}
