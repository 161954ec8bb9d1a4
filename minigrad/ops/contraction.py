"""Contractions: sums of products over any axes, as tensordot (pairs of axes) and einsum (labels).

A contraction is linear in each operand, and the gradient for one of them is a contraction of the cotangent with the
others, over the axes that operand lacks.
"""

from __future__ import annotations

from typing import Any

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.core.tensor import Tensor
from minigrad.ops.diagonals import diagonal
from minigrad.ops.shape import broadcast_to, moveaxis

__all__ = ["einsum", "tensordot"]


# ------------------------------------------------------------------------------------------------------- tensordot


@op
def tensordot(xp: Namespace, a: Array, b: Array, *, axes: int | tuple[Any, Any] = 2) -> Array:
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
    over_a, over_b = paired_axes(axes, a.ndim, b.ndim)
    if any(a.shape[i] != b.shape[j] for i, j in zip(over_a, over_b, strict=True)):
        raise ValueError(f"tensordot: a has shape {a.shape} and b {b.shape}; axes {over_a} of a and {over_b} of b differ in length")
    return xp.tensordot(a, b, axes=(over_a, over_b))


@tensordot.vjp("a")
def tensordot_d_a(g: Array, b: Array, a_shape: tuple[int, ...], *, axes: Any) -> Array:
    over_a, over_b = paired_axes(axes, len(a_shape), b.ndim)
    free_a, free_b = _without(over_a, len(a_shape)), _without(over_b, b.ndim)
    r = tensordot(g, b, axes=(range(len(free_a), g.ndim), free_b))
    # r has the free axes of a, then the partners of b's paired axes, in the order of b
    return _moved(r, free_a + tuple(i for _, i in sorted(zip(over_b, over_a, strict=True))))


@tensordot.vjp("b")
def tensordot_d_b(g: Array, a: Array, b_shape: tuple[int, ...], *, axes: Any) -> Array:
    over_a, over_b = paired_axes(axes, a.ndim, len(b_shape))
    free_a, free_b = _without(over_a, a.ndim), _without(over_b, len(b_shape))
    r = tensordot(a, g, axes=(free_a, range(len(free_a))))
    return _moved(r, tuple(j for _, j in sorted(zip(over_a, over_b, strict=True))) + free_b)


def paired_axes(axes: Any, ndim_a: int, ndim_b: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
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


def _moved(x: Array, places: tuple[int, ...]) -> Array:
    """Move axis i of ``x`` to ``places[i]``."""
    return x.transpose(tuple(sorted(range(x.ndim), key=places.__getitem__)))


# ---------------------------------------------------------------------------------------------------------- einsum


@op
def _einsum(xp: Namespace, *operands: Array, subscripts: str) -> Array:
    """Sum of products in Einstein's notation, in the plain form that the function `einsum` makes of every other.

    ``subscripts`` has no ellipsis, names its output, and no operand names a label twice or is broadcast.
    """
    return xp.einsum(subscripts, *operands, optimize=True)


@_einsum.vjp("operands")
def einsum_d_operands(g: Array, operands: tuple[Array, ...], *, subscripts: str) -> tuple[Array, ...]:
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    grads = []
    for k, (x, own) in enumerate(zip(operands, terms, strict=True)):
        others = [(t, o) for i, (t, o) in enumerate(zip(terms, operands, strict=True)) if i != k]
        known = "".join(label for label in own if label in output or any(label in t for t, _ in others))
        gradient = _einsum(g, *[o for _, o in others], subscripts=",".join([output, *[t for t, _ in others]]) + "->" + known)
        # a label that only this operand has was summed over: its gradient is the same all along that axis
        kept = tuple(n if label in known else 1 for label, n in zip(own, x.shape, strict=True))
        grads.append(broadcast_to(gradient.reshape(kept), shape=x.shape))
    return tuple(grads)


def einsum(subscripts: str, *operands: Array) -> Tensor:
    """Sum of products in Einstein's notation: ``einsum("...ij,jk->...ik", a, b)`` is ``a @ b``.

    Labels that the output does not name are summed over. Without ``->`` the output has the labels that occur once, in
    alphabetical order, after the axes of an ellipsis. A label twice in one operand takes its diagonal. An ellipsis stands
    for the axes not named, which broadcast.

    Raises
    ------
    ValueError
        If the subscripts do not fit the operands.
    """
    if not hasattr(subscripts, "replace"):
        raise TypeError(f"einsum: the subscripts come first, as text; this is a {type(subscripts).__name__}")
    text = subscripts.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: {subscripts!r} is for {len(terms)} operands, and {len(operands)} were given")
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    spare = [label for label in letters if label not in text]
    named = [len(term.replace("...", "")) for term in terms]
    missing = [x.ndim - n if "..." in term else 0 for x, n, term in zip(operands, named, terms, strict=True)]
    ellipsis = "".join(spare[: max(missing)])
    terms = [term.replace("...", ellipsis[len(ellipsis) - n :]) if n >= 0 else term for term, n in zip(terms, missing, strict=True)]
    if not arrow:
        every = "".join(terms)
        output = ("..." if "..." in inputs else "") + "".join(sorted(c for c in set(every) - set(ellipsis) if every.count(c) == 1))
    output = output.replace("...", ellipsis)
    shapes = [x.shape for x in operands]
    fits = all(len(term) == len(shape) and term.isalpha() for term, shape in zip(terms, shapes, strict=True) if term or shape)
    if not fits or len(set(output)) != len(output) or not set(output) <= set("".join(terms)):
        raise ValueError(f"einsum: {subscripts!r} does not fit operands of shapes {', '.join(map(str, shapes))}")
    plain = [_without_repeats(x, term) for x, term in zip(operands, terms, strict=True)]
    length = {label: 1 for _, term in plain for label in term}
    for x, term in plain:
        for label, n in zip(term, x.shape, strict=True):
            if n != 1 and length[label] not in (1, n):
                raise ValueError(f"einsum: in {subscripts!r}, {label!r} is {length[label]} long in one operand and {n} in another")
            length[label] = n if n != 1 else length[label]
    plain = [_without_stretched(x, term, length) for x, term in plain]
    return _einsum(*[x for x, _ in plain], subscripts=",".join(term for _, term in plain) + "->" + output)


def _without_repeats(x: Array, term: str) -> tuple[Any, str]:
    """Take diagonals until no label of ``term`` occurs twice."""
    for label in dict.fromkeys(term):
        while term.count(label) > 1:
            first, second = term.index(label), term.rindex(label)
            if x.shape[first] != x.shape[second]:
                raise ValueError(f"einsum: label {label!r} of {term!r} stands for axes of length {x.shape[first]} and {x.shape[second]}")
            x = diagonal(moveaxis(x, source=(first, second), destination=(-2, -1)))
            term = term[:first] + term[first + 1 : second] + term[second + 1 :] + label
    return x, term


def _without_stretched(x: Array, term: str, length: dict[str, int]) -> tuple[Any, str]:
    """Drop the axes of length 1 that are longer in another operand."""
    stretched = [label for label, n in zip(term, x.shape, strict=True) if n == 1 and length[label] != 1]
    shape = tuple(n for label, n in zip(term, x.shape, strict=True) if label not in stretched)
    return x.reshape(shape) if stretched else x, "".join(label for label in term if label not in stretched)
