"""Products of matrices and tensors: matmul, tensordot, einsum and their special cases.

A product is linear in each operand, so the gradient for one of them is a product of the cotangent with the other.
Each formula is written with these same ops, which makes every order of derivative a product again. Factorisations and
what follows from them (inv, solve, det, eigh, ...) are in `minigrad.ops.decomposition`.
"""

from __future__ import annotations

from math import prod
from typing import Any

from minigrad.op import op

__all__ = ["linear", "matmul", "tensordot"]


# ---------------------------------------------------------------------------------------------------------- matmul


@op(broadcasts=True)
def matmul(xp: Any, a: Any, b: Any) -> Any:
    """Product of matrices: ``y[..., i, j] = sum_k a[..., i, k] b[..., k, j]``.

    The axes before the last two broadcast. A 1-d ``a`` is a row, a 1-d ``b`` a column, and the axis that this stands
    for is absent from the result.

    Raises
    ------
    ValueError
        If an operand is 0-d or the shapes do not fit.
    """
    try:
        return xp.matmul(a, b)
    except ValueError:
        raise ValueError(
            f"matmul: a has shape {a.shape} and b {b.shape}; the last axis of a must be as long as the last but one of b "
            "(its only one if b is 1-d), the axes before them must broadcast, and neither may be 0-d (use * there)"
        ) from None


@matmul.vjp("a")
def _(g: Any, b: Any, a_shape: tuple[int, ...]) -> Any:
    if b.ndim == 1:
        return g.reshape((*g.shape, 1)) * b
    if len(a_shape) == 1 or (len(a_shape) == 2 and b.ndim > 2):  # one a for a whole batch: contract the batch at once
        batch = range(b.ndim - 2)
        return tensordot(g, b, axes=((*batch, -1), (*batch, -1)))
    return g @ b.swapaxes(-1, -2)


@matmul.vjp("b")
def _(g: Any, a: Any, b_shape: tuple[int, ...]) -> Any:
    if a.ndim == 1:
        return a * g if len(b_shape) == 1 else a.reshape((-1, 1)) * g.reshape((*g.shape[:-1], 1, g.shape[-1]))
    if len(b_shape) == 1 or (len(b_shape) == 2 and a.ndim > 2):  # one b for a whole batch
        return tensordot(a, g, axes=(range(a.ndim - 1), range(a.ndim - 1)))
    return a.swapaxes(-1, -2) @ g


@op
def linear(xp: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    """Affine map of the last axis: ``y[..., o] = sum_i x[..., i] weight[o, i] + bias[o]``.

    ``weight`` has PyTorch's layout (out, in). Every axis of ``x`` but the last counts as batch, and the batch is
    flattened into the rows of one matrix product.

    Raises
    ------
    ValueError
        If the last axis of ``x`` is not as long as that of ``weight``, or ``bias`` has not one value for each output.
    """
    if weight.ndim != 2 or x.ndim == 0 or x.shape[-1] != weight.shape[1]:
        raise ValueError(f"linear: x has shape {x.shape} and weight {weight.shape}; expected (..., in) and (out, in)")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: bias has shape {bias.shape}; weight {weight.shape} needs {weight.shape[:1]}")
    y = _rows(x) @ weight.T
    if bias is not None:
        y += bias
    return y.reshape((*x.shape[:-1], weight.shape[0]))


linear.vjp(
    x=lambda g, weight, x_shape: (_rows(g) @ weight).reshape(x_shape),
    weight=lambda g, x: _rows(g).swapaxes(0, 1) @ _rows(x),
    bias=lambda g: _rows(g).sum(axis=0),
)


def _rows(x: Any) -> Any:
    """Return ``x`` as a matrix with the last axis of ``x`` along its rows."""
    return x.reshape((prod(x.shape[:-1]), x.shape[-1]))


# ------------------------------------------------------------------------------------------------------- tensordot


@op
def tensordot(xp: Any, a: Any, b: Any, *, axes: int | tuple[Any, Any] = 2) -> Any:
    """Sum of products over pairs of axes; the axes of ``a`` that are left come first, then those of ``b``.

    Parameters
    ----------
    axes
        Two sequences of equal length, the axes of ``a`` and of ``b`` to pair; or a number n, for the last n of ``a``
        with the first n of ``b``.

    Raises
    ------
    ValueError
        If paired axes differ in length, or an axis is out of range or named twice.
    """
    over_a, over_b = _pairs(axes, a.ndim, b.ndim)
    if any(a.shape[i] != b.shape[j] for i, j in zip(over_a, over_b, strict=True)):
        raise ValueError(f"tensordot: a has shape {a.shape} and b {b.shape}; axes {over_a} of a and {over_b} of b differ in length")
    return xp.tensordot(a, b, axes=(over_a, over_b))


@tensordot.vjp("a")
def _(g: Any, b: Any, a_shape: tuple[int, ...], *, axes: Any) -> Any:
    over_a, over_b = _pairs(axes, len(a_shape), b.ndim)
    free_a, free_b = _without(over_a, len(a_shape)), _without(over_b, b.ndim)
    r = tensordot(g, b, axes=(range(len(free_a), g.ndim), free_b))
    # r has the free axes of a, then the partners of b's paired axes, in the order of b
    return _moved(r, free_a + tuple(i for _, i in sorted(zip(over_b, over_a, strict=True))))


@tensordot.vjp("b")
def _(g: Any, a: Any, b_shape: tuple[int, ...], *, axes: Any) -> Any:
    over_a, over_b = _pairs(axes, a.ndim, len(b_shape))
    free_a, free_b = _without(over_a, a.ndim), _without(over_b, len(b_shape))
    r = tensordot(a, g, axes=(free_a, range(len(free_a))))
    return _moved(r, tuple(j for _, j in sorted(zip(over_a, over_b, strict=True))) + free_b)


def _pairs(axes: Any, ndim_a: int, ndim_b: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the axes that tensordot sums over, of a and of b, as non-negative numbers."""
    if isinstance(axes, int):
        axes = (range(ndim_a - axes, ndim_a), range(axes))
    over_a, over_b = [(one,) if isinstance(one, int) else tuple(one) for one in axes]
    for over, ndim, name in ((over_a, ndim_a, "a"), (over_b, ndim_b, "b")):
        if any(not -ndim <= i < ndim for i in over) or len({i % ndim for i in over}) != len(over):
            raise ValueError(f"tensordot: {over} are not different axes of {name}, which has {ndim}")
    if len(over_a) != len(over_b):
        raise ValueError(f"tensordot: {len(over_a)} axes of a cannot be paired with {len(over_b)} of b")
    return tuple(i % ndim_a for i in over_a), tuple(j % ndim_b for j in over_b)


def _without(axes: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    return tuple(i for i in range(ndim) if i not in axes)


def _moved(x: Any, places: tuple[int, ...]) -> Any:
    """Move axis i of ``x`` to ``places[i]``."""
    return x.transpose(tuple(sorted(range(x.ndim), key=places.__getitem__)))
