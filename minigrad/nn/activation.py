"""Activations as modules."""

from __future__ import annotations

from typing import Any

from minigrad.nn import functional as F
from minigrad.nn.module import Module

__all__ = ["ReLU"]


class ReLU(Module):
    """max(x, 0)"""

    def forward(self, x: Any) -> Any:
        return F.relu(x)
