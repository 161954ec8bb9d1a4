"""What the lines of a derivation may use besides NumPy and the names defined above them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.gradcheck import gradcheck


def namespace() -> dict[str, Any]:
    """Return the names that a derivation starts with; its random numbers are the same each time."""
    return {"np": np, "mg": mg, "rng": np.random.default_rng(0), "d": d, "pull": pull, "nodes": nodes, "saves": saves}


def d(f: Callable[[Any], Any], x: Any, h: float = 1e-3) -> Any:
    """Differentiate the number f(x) numerically with respect to each element of x, by differences of fourth order."""
    slope = np.zeros(np.shape(x))
    for i in np.ndindex(slope.shape):
        e = np.zeros(slope.shape)
        e[i] = h
        slope[i] = (8 * (f(x + e) - f(x - e)) - (f(x + 2 * e) - f(x - 2 * e))) / (12 * h)
    return slope


def pull(f: Callable[[Any], Any], x: Any, g: Any) -> Any:
    """Return what minigrad's backward pass makes of the cotangent ``g`` of f(x)."""
    t = mg.Tensor(x, requires_grad=True)
    return mg.grad(f(t), [t], [g])[0].data


def nodes(f: Callable[[Any], Any], x: Any) -> int:
    """Count the ops in the graph of f(x)."""
    seen, waiting = set(), [f(mg.Tensor(x, requires_grad=True)).node]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting.extend(node.parents)
    return sum(node.plan is not None for node in seen)


def saves(f: Callable[[Any], Any], x: Any) -> str:
    """Name what the last op of f(x) saves."""
    node = f(mg.Tensor(x, requires_grad=True)).node
    return ", ".join(getattr(node, "source", node).plan.saves)


def said(f: Callable[..., Any], inputs: list[Any], vjp: Callable[..., Any]) -> str:
    """Return what gradcheck says of a wrong gradient, empty if it takes it for right."""
    result = gradcheck(f, inputs, vjp=vjp)
    if result.ok:
        return ""
    return next(iter(result.diagnosis), "the gradient is wrong; no rule names the cause").partition(" (this is")[0]
