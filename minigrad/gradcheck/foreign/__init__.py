"""Gradients that somebody else's code computes: by a function of NumPy arrays, by PyTorch, by JAX.

Each kind is a `functions.Foreign`: values, gradients, and, where the library can differentiate those again, their derivative as
another one. `translate` makes a function of Tensors of it, which is checked like any other. Neither PyTorch nor JAX is imported
unless it is there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["library_of", "translate"]


def library_of(f: Any, inputs: Sequence[Any], vjp: Any) -> str | None:
    """Return whose arrays a function works on, by what it is, what it is given or what gives its gradient; None if on Tensors."""
    return "numpy" if vjp is not None else _library(f, inputs)


def translate(library: str, f: Any, inputs: Sequence[Any], vjp: Any) -> tuple[Callable[..., Any], list[Any], list[str]]:
    """Return a function of Tensors that does what ``f`` does, all its arguments as arrays, and names for those beyond ``inputs``.

    The parameters of a PyTorch module are arguments, too, behind its inputs.
    """
    if library == "numpy":
        from minigrad.gradcheck.foreign.arrays import adopt_backward

        return adopt_backward(f, inputs, vjp)
    if library == "torch":
        from minigrad.gradcheck.foreign.pytorch import adopt_torch

        return adopt_torch(f, inputs)
    from minigrad.gradcheck.foreign.jax_functions import adopt_jax

    return adopt_jax(f, inputs)


def _library(f: Any, inputs: Sequence[Any]) -> str | None:
    """The library, of those that are loaded, that a function or one of its inputs comes from."""
    torch = sys.modules.get("torch")
    if torch is not None:
        is_function = isinstance(f, type) and issubclass(f, torch.autograd.Function)
        bound = getattr(f, "__self__", None)  # SomeFunction.apply
        is_applied = isinstance(bound, type) and issubclass(bound, torch.autograd.Function)
        if is_function or is_applied or isinstance(f, torch.nn.Module) or any(isinstance(a, torch.Tensor) for a in inputs):
            return "torch"
    jax = sys.modules.get("jax")
    if jax is not None and (type(f).__module__.startswith("jax") or any(isinstance(a, jax.Array) for a in inputs)):
        return "jax"
    return None
