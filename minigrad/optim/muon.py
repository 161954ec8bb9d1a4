"""Muon: momentum whose matrix is made nearly orthogonal before the step."""

from __future__ import annotations

import math
from typing import Any

from minigrad.backends import Array, namespace
from minigrad.core.tensor import Tensor
from minigrad.optim.arguments import check_options
from minigrad.optim.optimizer import Optimizer, Params

QUINTIC = (3.4445, -4.7750, 2.0315)  #: coefficients whose polynomial lifts small singular values fastest


class Muon(Optimizer):
    """x <- (1 - lr * weight_decay) x - lr' * O(b), with the momentum b and O from Newton-Schulz iterations.

    For the matrices of hidden layers; use another optimizer for biases, embeddings and outputs. ``lr'`` is ``lr`` times
    sqrt(max(1, rows / columns)), or 0.2 sqrt(max(rows, columns)) with ``adjust_lr_fn="match_rms_adamw"``. The iteration
    runs in the dtype of the parameter (PyTorch's runs in bfloat16).
    (Jordan: "Muon: an optimizer for hidden layers in neural networks", 2024.)
    """

    elementwise = False

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = QUINTIC,
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_options("Muon", lr=lr, weight_decay=weight_decay, momentum=momentum, eps=eps, ns_steps=ns_steps)
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Muon: adjust_lr_fn must be None, 'original' or 'match_rms_adamw', not {adjust_lr_fn!r}")
        options = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov, "eps": eps}
        iteration = {"ns_coefficients": ns_coefficients, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn}
        super().__init__(params, {**options, **iteration, "decoupled_weight_decay": True})

    def check_params(self, params: list[Tensor]) -> None:
        super().check_params(params)
        for p in params:
            if p.ndim != 2:
                raise ValueError(f"Muon is for matrices; a parameter has shape {p.shape}")

    def slots(self, group: dict[str, Any]) -> dict[str, float]:
        return {"momentum_buffer": 0}

    def update(self, x: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> None:
        b, momentum = s["momentum_buffer"], group["momentum"]
        b += (g - b) * (1 - momentum)
        direction = g + (b - g) * momentum if group["nesterov"] else b
        rows, columns = x.shape
        scale = 0.2 * math.sqrt(max(rows, columns)) if group["adjust_lr_fn"] == "match_rms_adamw" else math.sqrt(max(1, rows / columns))
        x -= group["lr"] * scale * orthogonalized(direction, group["ns_coefficients"], group["ns_steps"], group["eps"])


def orthogonalized(matrix: Array, coefficients: tuple[float, float, float], steps: int, eps: float) -> Array:
    """Bring the singular values of a matrix near 1 by iterating X <- a X + (b G + c G^2) X with G = X X^T."""
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    xp = namespace(x)
    x = x / xp.maximum(xp.sqrt((x * x).sum()), eps)  # the largest singular value is now at most 1
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if tall else x
