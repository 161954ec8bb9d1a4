"""Reductions, sorting and products in ONNX's words."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.export.graph import ExportError, Graph, Value, fixed, is_list

Converter = Callable[..., Any]


def axes_of(x: Value, axis: Any) -> list[int]:
    """Return the axes that are reduced, all where none are named."""
    return list(range(x.ndim)) if axis is None else [int(a) for a in (axis if is_list(axis) else (axis,))]


def over(g: Graph, op_type: str, x: Value, axis: Any, keepdims: bool) -> Value:
    """Reduce over axes; over none, x is what it was."""
    axes = axes_of(x, axis)
    return g.node(op_type, x, axes, keepdims=int(keepdims)) if axes else g.Identity(x)


def reduced(op_type: str, prepare: Callable[[Graph, Value], Value] = lambda g, x: x) -> Converter:
    """The op is one node."""
    return lambda g, x, *, axis, keepdims: over(g, op_type, prepare(g, x), axis, keepdims)


def whole(g: Graph, x: Value) -> Value:
    """Truth values are counted."""
    return g.cast(x, np.int64) if x.dtype.kind in "bu" or (x.dtype.itemsize < 4 and x.dtype.kind == "i") else x


def truth(op_type: str) -> Converter:
    """Of truth values, by way of integers."""
    return lambda g, x, *, axis, keepdims: g.cast(shaped(over(g, op_type, g.cast(g.cast(x, bool), np.int32), axis, keepdims), x), bool)


def shaped(y: Value, x: Value) -> Value:
    """Note that a value has a shape, which its own converter does not need."""
    y._shape = y._shape or x._shape
    return y


def var(g: Graph, x: Value, *, axis: Any, correction: float, keepdims: bool) -> Value:
    """The mean of the squared deviations, of n - correction values."""
    x = shaped(g.floating(x), x)
    axes = axes_of(x, axis)
    centred = x - g.ReduceMean(x, axes, keepdims=1)
    total = g.ReduceSum(centred * centred, axes, keepdims=int(keepdims))
    return total / (g.count([x.shape[a] for a in axes], x.dtype) - correction)


def vector_norm(g: Graph, x: Value, *, axis: Any, ord: float, keepdims: bool) -> Value:
    """(sum |x|^p)^(1/p), the largest |x| for infinity."""
    if not axes_of(x, axis):
        return g.Abs(x)
    if ord in (1, 2):
        return over(g, "ReduceL1" if ord == 1 else "ReduceL2", x, axis, keepdims)
    if np.isinf(ord):
        return (
            over(g, "ReduceMax" if ord > 0 else "ReduceMin", g.Abs(x), axis, keepdims)
            if axis is not None
            else _extreme(g, x, ord, keepdims)
        )
    if ord == 0:
        return over(g, "ReduceSum", g.cast(g.Abs(x) > 0, x.dtype), axes_of(x, axis), keepdims)
    return over(g, "ReduceSum", g.Abs(x) ** float(ord), axes_of(x, axis), keepdims) ** (1 / ord)


def _extreme(g: Graph, x: Value, ord: float, keepdims: bool) -> Value:
    return over(g, "ReduceMax" if ord > 0 else "ReduceMin", g.Abs(x), axes_of(x, None), keepdims)


def place_of(op_type: str) -> Converter:
    """Where the first of the extreme elements is."""

    def convert(g: Graph, x: Value, *, axis: int | None, keepdims: bool) -> Any:
        x = shaped(whole(g, x), x)
        if axis is not None:
            return g.node(op_type, x, axis=axis, keepdims=int(keepdims))
        place = g.node(op_type, g.Reshape(x, [-1]), axis=0, keepdims=0)
        return g.Reshape(place, g.constant([1] * x.ndim, np.int64)) if keepdims else place

    return convert


def cumulative_sum(g: Graph, x: Value, *, axis: int | None) -> Value:
    """CumSum, whose axis is an input."""
    return g.CumSum(x, g.constant(axis or 0, np.int64))


def topk(g: Graph, x: Value, *, k: int, axis: int, largest: bool) -> tuple[Value, Value]:
    """TopK, the most extreme first."""
    values, places = g.TopK(x, [k], axis=axis, largest=int(largest), sorted=1, outputs=2)
    places.dtype = np.dtype(np.int64)
    return values, places


def sort(g: Graph, x: Value, *, axis: int, descending: bool) -> tuple[Value, Value]:
    """TopK of all."""
    return topk(g, x, k=fixed(x.shape[axis], "the number of values that are sorted"), axis=axis, largest=descending)


# ----------------------------------------------------------------------------------------------------------- products


def linear(g: Graph, x: Value, weight: Value, bias: Value | None = None) -> Value:
    """x W^T + b: Gemm for rows, a product and a sum for more axes."""
    if x.ndim == 2:
        y: Value = g.Gemm(x, weight, bias, transB=1)
    else:
        y = g.MatMul(x, g.Transpose(weight, perm=[1, 0]))
        y = y if bias is None else y + bias
    g.products[y.used] = x, weight, bias
    return y


def tensordot(g: Graph, a: Value, b: Value, *, axes: Any) -> Value:
    """As an Einsum: a letter for each axis, the same for those that are summed."""
    if isinstance(axes, int):
        left, right = list(range(a.ndim - axes, a.ndim)), list(range(axes))
    else:
        left, right = ([int(i) for i in (side if is_list(side) else (side,))] for side in axes)
    letters = string.ascii_letters
    of_a = list(letters[: a.ndim])
    of_b = list(letters[a.ndim : a.ndim + b.ndim])
    for i, j in zip(left, right, strict=True):
        of_b[j] = of_a[i]
    summed = {of_a[i] for i in left}
    out = "".join([c for c in of_a + of_b if c not in summed])
    return g.Einsum(a, b, equation=f"{''.join(of_a)},{''.join(of_b)}->{out}")


def einsum(g: Graph, *operands: Value, subscripts: str) -> Value:
    """Einsum; its ellipsis is the same."""
    return g.Einsum(*g.alike(*operands), equation=subscripts.replace(" ", ""))


def vecdot(g: Graph, a: Value, b: Value, *, axis: int) -> Value:
    """The sum of the products."""
    return g.ReduceSum(a * b, [axis], keepdims=0)


def det(g: Graph, x: Value) -> Value:
    """Det."""
    if not x.shape[-1]:
        raise ExportError("the matrix is empty")
    return g.Det(x)


ROWS: dict[str, Converter] = {
    "sum": reduced("ReduceSum", whole),
    "mean": reduced("ReduceMean", lambda g, x: shaped(g.floating(x), x)),
    "prod": reduced("ReduceProd", whole),
    "max": reduced("ReduceMax"),
    "min": reduced("ReduceMin"),
    "var": var,
    "std": lambda g, x, **params: g.Sqrt(var(g, x, **params)),
    "logsumexp": reduced("ReduceLogSumExp"),
    "vector_norm": vector_norm,
    "all": truth("ReduceMin"),
    "any": truth("ReduceMax"),
    "count_nonzero": reduced("ReduceSum", lambda g, x: g.cast(g.cast(x, bool), np.int64)),
    "argmax": place_of("ArgMax"),
    "argmin": place_of("ArgMin"),
    "cumulative_sum": cumulative_sum,
    "topk": topk,
    "sort": sort,
    "argsort": lambda g, x, *, axis, descending: sort(g, x, axis=axis, descending=descending)[1],
    "matmul": lambda g, a, b: g.MatMul(*g.alike(a, b)),
    "linear": linear,
    "outer": lambda g, a, b: g.Unsqueeze(a, [1]) * b,
    "vecdot": vecdot,
    "tensordot": tensordot,
    "einsum": einsum,
    "det": det,
}
