"""Reductions, sorting and products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad import ops
from minigrad.export.operators.values import Numbers, like, refuse_unless

Operator = Callable[..., Any]


def reduced(function: Operator) -> Operator:
    """An operator over axes, all where none are named; the axes are an input, and were an attribute up to opset 17."""

    def reduce(x: Any, axes: Numbers | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Any:
        if not axes and noop_with_empty_axes:
            return x
        return like(function(x, axis=tuple(axes) if axes else None, keepdims=bool(keepdims)), x)

    return reduce


def place_of(function: Operator) -> Operator:
    """Where the first of the extreme elements is."""

    def place(x: Any, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Any:
        refuse_unless(not select_last_index, "select_last_index")
        return function(x, axis=axis, keepdims=bool(keepdims))

    return place


def top_k(x: Any, k: Numbers, *, axis: int = -1, largest: int = 1, sorted: int = 1) -> tuple[Any, Any]:
    """The most extreme elements, and where they are."""
    values, places = ops.topk(x, k=k[0] if isinstance(k, list) else k, axis=axis, largest=bool(largest))
    return values, places


def gemm(a: Any, b: Any, c: Any = None, *, alpha: float = 1.0, beta: float = 1.0, transA: int = 0, transB: int = 0) -> Any:
    """alpha A B + beta C, with A or B transposed: as one op where that is a layer."""
    if transB and not transA and alpha == beta == 1 and (c is None or c.shape == b.shape[:1]):
        return ops.linear(a, b, c)
    product = ops.matmul(a.T if transA else a, b.T if transB else b)
    product = product if alpha == 1 else alpha * product
    return product if c is None else product + (c if beta == 1 else beta * c)


ROWS: dict[str, Operator] = {
    "ReduceSum": reduced(ops.sum),
    "ReduceMean": reduced(ops.mean),
    "ReduceProd": reduced(ops.prod),
    "ReduceMax": reduced(ops.max),
    "ReduceMin": reduced(ops.min),
    "ReduceL1": reduced(lambda x, **over: ops.sum(ops.abs(x), **over)),
    "ReduceL2": reduced(lambda x, **over: ops.vector_norm(x, **over)),
    "ReduceSumSquare": reduced(lambda x, **over: ops.sum(x * x, **over)),
    "ReduceLogSum": reduced(lambda x, **over: ops.log(ops.sum(x, **over))),
    "ReduceLogSumExp": reduced(ops.logsumexp),
    "ArgMax": place_of(ops.argmax),
    "ArgMin": place_of(ops.argmin),
    "TopK": top_k,
    "MatMul": ops.matmul,
    "Gemm": gemm,
    "Einsum": lambda *inputs, equation: ops.einsum(equation, *inputs),
    "Det": ops.det,
}
