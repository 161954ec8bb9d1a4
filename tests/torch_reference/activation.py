"""PyTorch's counterparts of the activation functions that are ops."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

REFERENCES: dict[str, Any] = {
    "relu": F.relu,
    "silu": F.silu,
    "softsign": F.softsign,
    "tanhshrink": F.tanhshrink,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "hardtanh": F.hardtanh,
    "gelu": F.gelu,
    "softplus": F.softplus,
    "softmax": lambda x, axis=-1: torch.softmax(x, axis),
    "log_softmax": lambda x, axis=-1: torch.log_softmax(x, axis),
    "dropout": lambda x, mask, p: x * mask / (1 - p) if p < 1 else x * 0,  # PyTorch's own draws the mask
}
