"""Joining many arrays while a step is recorded.

CuPy joins up to eight arrays by copying one after another; for more it sends a table of their addresses to the device,
which cannot be recorded.
"""

from __future__ import annotations

from minigrad.backends import BACKENDS, Array, Namespace
from minigrad.ops.joining import _concat, _stack

AT_A_TIME = 8


def joined(xp: Namespace, arrays: list[Array], axis: int) -> Array:
    """Return arrays joined along an axis, by eights; NotImplemented where CuPy can do it at once."""
    if len(arrays) <= AT_A_TIME or BACKENDS[arrays[0].__class__].capture is None:  # type: ignore[attr-defined]
        return NotImplemented
    while len(arrays) > 1:
        arrays = [xp.concatenate(arrays[k : k + AT_A_TIME], axis=axis) for k in range(0, len(arrays), AT_A_TIME)]
    return arrays[0]


@_concat.kernel(device="cuda")
def concat_forward(xp: Namespace, *arrays: Array, axis: int = 0) -> Array:
    return joined(xp, list(arrays), axis)


@_stack.kernel(device="cuda")
def stack_forward(xp: Namespace, *arrays: Array, axis: int = 0) -> Array:
    if any(a.shape != arrays[0].shape for a in arrays):
        return NotImplemented
    return joined(xp, [xp.expand_dims(a, axis) for a in arrays], axis)
