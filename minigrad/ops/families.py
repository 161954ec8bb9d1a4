"""Which ops are elementwise."""

from __future__ import annotations

from minigrad.core.op import Op

ELEMENTWISE = ("elementwise", "exponential", "trigonometric", "activation", "special", "rounding", "comparison")  #: files of this package


def is_elementwise(op: Op) -> bool:
    """Tell whether each element of the output comes from the elements at its place (broadcast) in the inputs; of a user's op: False."""
    return op.__module__ in {f"minigrad.ops.{family}" for family in ELEMENTWISE} and "axis" not in op.params
