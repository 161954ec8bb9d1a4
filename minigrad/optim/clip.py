"""Limiting gradients before a step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minigrad.backends import BACKENDS, namespace
from minigrad.core._capturing import recorded
from minigrad.core.tensor import Tensor, wrap
from minigrad.optim.arguments import tensors


def clip_grad_norm_(
    parameters: Iterable[Tensor] | Tensor, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Scale all gradients so that their joint norm is at most ``max_norm``. Returns the norm before.

    The norm is (sum |g|^p)^(1/p) over all elements of all gradients, the largest |g| for p = inf.
    (Pascanu, Mikolov, Bengio: "On the difficulty of training recurrent neural networks", 2013.)
    """
    if not max_norm >= 0:
        raise ValueError(f"clip_grad_norm_: max_norm must be at least 0, not {max_norm!r}")
    grads = _gradients("clip_grad_norm_", parameters)
    if not grads:
        return Tensor(0.0)
    xp = namespace(grads[0])
    kernel = BACKENDS[grads[0].__class__].services.get("clip_norm")
    if kernel is not None and norm_type == 2 and not error_if_nonfinite:
        norm = kernel(grads, max_norm)
        if norm is not NotImplemented:
            return wrap(norm, None)
    if norm_type == float("inf"):
        norm = xp.stack([abs(g).max() for g in grads]).max()
    elif norm_type == 2:
        norm = xp.sqrt(xp.stack([xp.vdot(g, g) for g in map(_wide, grads)]).sum()).astype(grads[0].dtype)
    else:
        norm = xp.stack([(abs(g) ** norm_type).sum() for g in grads]).sum() ** (1 / norm_type)
    if error_if_nonfinite and not bool(xp.isfinite(norm)):
        raise RuntimeError(f"clip_grad_norm_: the norm of the gradients is {float(norm)}, so they cannot be scaled")
    scale = xp.minimum(max_norm / (norm + 1e-6), 1.0)  # stays on the device: no waiting for its value
    for g in grads:
        g *= scale.astype(g.dtype)
    return wrap(xp.asarray(norm), None)


def clip_grad_value_(parameters: Iterable[Tensor] | Tensor, clip_value: float) -> None:
    """Limit every element of the gradients to [-clip_value, clip_value]."""
    for g in _gradients("clip_grad_value_", parameters):
        namespace(g).clip(g, -clip_value, clip_value, out=g)


def _wide(g: Any) -> Any:
    """Return g in float64, whose range holds the squares of float32."""
    return g.astype(namespace(g).promote_types(g.dtype, "float64"), copy=False)


def _gradients(name: str, parameters: Iterable[Tensor] | Tensor) -> list[Any]:
    """Return the gradients as arrays."""
    return [recorded(p.grad.data) for p in tensors(name, "clips the gradients of", parameters) if p.grad is not None]
