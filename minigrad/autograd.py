"""Derivatives as functions: grad, vjp, jvp, jacobian, hessian, hvp.

The names and arguments are those of ``torch.autograd`` and ``torch.autograd.functional``. All of them stand on
`minigrad.core.graph.walk`, and `jvp` on `minigrad.forward_mode`. Those that call a function record what it
does even within `no_grad`, as they differentiate it themselves; of what depends on no input the derivative is zero.
Where one of them is called within a function that another one differentiates, ``create_graph`` is on unless it is given:
what it returns would hang on nothing, and its derivative silently be zero.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Literal, cast, overload

from minigrad.backends import namespace
from minigrad.core._contexts import Block, F
from minigrad.core.graph import Node, walk
from minigrad.core.mode import changed_mode, mode
from minigrad.core.tensor import Tensor, as_array, start_of_backward, wrap
from minigrad.forward_mode import Tangents
from minigrad.ops.joining import stack
from minigrad.ops.shape import reshape

__all__ = ["enable_grad", "grad", "hessian", "hvp", "is_grad_enabled", "jacobian", "jvp", "no_grad", "vjp"]

Tensors = Tensor | Sequence[Tensor]

_within = ContextVar("within", default=False)  #: a function is at work that vjp, jvp or another one differentiates


def _to_be_differentiated(derivative: F) -> F:
    """Turn ``create_graph`` on, where it is not given, within a function that is itself differentiated."""

    @functools.wraps(derivative)
    def nested(*args: Any, **kwargs: Any) -> Any:
        if _within.get():
            kwargs.setdefault("create_graph", True)
        return derivative(*args, **kwargs)

    return cast(F, nested)


def _run(func: Callable[..., Any], xs: Sequence[Tensor]) -> Any:
    """Call the function that is differentiated."""
    before = _within.get()
    try:
        _within.set(True)
        return func(*xs)
    finally:
        _within.set(before)


@overload
def no_grad(function: None = None) -> Block[None]: ...
@overload
def no_grad(function: F) -> F: ...
def no_grad(function: F | None = None) -> F | Block[None]:
    """Record nothing: within ``with no_grad():``, or in a function or generator decorated with ``@no_grad``."""
    block = changed_mode(recording=False)
    return block if function is None else block(function)


@overload
def enable_grad(function: None = None) -> Block[None]: ...
@overload
def enable_grad(function: F) -> F: ...
def enable_grad(function: F | None = None) -> F | Block[None]:
    """Record, even within `no_grad`; used like it."""
    block = changed_mode(recording=True)
    return block if function is None else block(function)


def is_grad_enabled() -> bool:
    """Tell whether ops are recorded now."""
    return mode.get().recording


@overload
def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: Literal[False] = False,
) -> tuple[Tensor, ...]: ...
@overload
def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool,
) -> tuple[Tensor | None, ...]: ...
@_to_be_differentiated
def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """Return the derivatives of ``outputs`` with respect to ``inputs``, touching no ``.grad``.

    Parameters
    ----------
    outputs
        A tensor or several.
    inputs
        The tensors to differentiate with respect to: leaves or computed ones.
    grad_outputs
        A cotangent for each output; may be left out, or None, for an output with one element.
    retain_graph
        Keep what the graph saved, so that it can be differentiated again. Default: the value of ``create_graph``.
    create_graph
        Record this backward pass too, so that the result can be differentiated. Default: only within a function that `vjp`, `jvp` or
        another one differentiates.
    allow_unused
        Return None for an input that the outputs do not depend on, instead of raising.

    Returns
    -------
    tuple
        One gradient for each input.
    """
    ys, xs = _sequence(outputs), _sequence(inputs)
    for y in ys:
        if not isinstance(y, Tensor):
            raise TypeError(f"grad: outputs must be tensors that were computed, such as f(x), not a {type(y).__name__}")
    cotangents = [None] * len(ys) if grad_outputs is None else _sequence(grad_outputs)
    if len(cotangents) != len(ys):
        raise ValueError(f"grad: {len(ys)} outputs, but {len(cotangents)} grad_outputs")
    for i, x in enumerate(xs):
        if not isinstance(x, Tensor) or x.node is None:
            raise RuntimeError(f"grad: input {i} does not require a gradient")
    start: dict[Node, Any] = {}
    for y, cotangent in zip(ys, cotangents, strict=True):
        for node, g in start_of_backward(y, cotangent, create_graph).items():
            start[node] = start[node] + g if node in start else g
    keep = create_graph if retain_graph is None else retain_graph
    wanted = [x.node for x in xs if x.node is not None]
    with changed_mode(recording=create_graph):
        found = walk(start, set(wanted), lift=wrap if create_graph else None, free=not keep)
    result = []
    for i, node in enumerate(wanted):
        g = found.get(node)
        if g is None and not allow_unused:
            raise RuntimeError(f"grad: the outputs do not depend on input {i}; pass allow_unused=True to get None for it")
        result.append(g if g is None or isinstance(g, Tensor) else wrap(namespace(g).asarray(g), None))
    return tuple(result)


@_to_be_differentiated
@changed_mode(recording=True)
def vjp(func: Callable[..., Any], inputs: Tensors, v: Any = None, *, create_graph: bool = False) -> tuple[Any, Any]:
    """Return ``func(*inputs)`` and the product of the cotangent ``v`` with its Jacobian: v^T J.

    Where ``inputs`` is one tensor, so is the product; otherwise it is a tuple with one for each input.
    """
    xs = _fresh(inputs, create_graph)
    y = _run(func, xs)
    ys = _outputs(y, "vjp")
    cotangents = [None] * len(ys) if v is None else _sequence(v)
    if len(cotangents) != len(ys):
        raise ValueError(f"vjp: {len(ys)} outputs, but {len(cotangents)} cotangents")
    gs = _gradient_of_sum(ys, xs, cotangents, create_graph)
    return _detached(y, create_graph), _like(inputs, _zeros_for_unused(gs, xs))


@_to_be_differentiated
@changed_mode(recording=True)
def jvp(func: Callable[..., Any], inputs: Tensors, v: Any, *, create_graph: bool = False) -> tuple[Any, Any]:
    """Return ``func(*inputs)`` and the product of its Jacobian with the tangent ``v``: J v.

    In one pass: tangents are carried along with the values (`minigrad.forward_mode`).
    """
    xs, vs = _fresh(inputs, create_graph), _sequence(v)
    if len(vs) != len(xs):
        raise ValueError(f"jvp: {len(xs)} inputs, but {len(vs)} tangents")
    moving = [(x.node, _tangent_of(x, part, i)) for i, (x, part) in enumerate(zip(xs, vs, strict=True))]
    tangents = Tangents({node: tangent for node, tangent in moving if node is not None}, create_graph)
    with changed_mode(observers=(*mode.get().observers, tangents)):
        y = _run(func, xs)
    ys = _outputs(y, "jvp")
    return _detached(y, create_graph), _like(y, _zeros_for_unused([tangents.of(part) for part in ys], ys))


@_to_be_differentiated
@changed_mode(recording=True)
def jacobian(func: Callable[..., Any], inputs: Tensors, *, create_graph: bool = False) -> Any:
    """Return the Jacobian of ``func`` at ``inputs``: ``J[i..., j...] = d func(x)[i...] / d x[j...]``.

    One tensor of shape ``output.shape + input.shape`` for one output and one input; nested tuples otherwise.
    """
    xs = _fresh(inputs, create_graph)
    y = _run(func, xs)
    rows = tuple(_like(inputs, _jacobian_of(part, xs, create_graph)) for part in _outputs(y, "jacobian"))
    return _like(y, rows)


@_to_be_differentiated
@changed_mode(recording=True)
def hessian(func: Callable[..., Any], inputs: Tensors, *, create_graph: bool = False) -> Any:
    """Return the second derivatives of a function with one output element, as `jacobian` of its gradient."""
    xs = _fresh(inputs, create_graph)
    y = _scalar(_run(func, xs), "hessian")
    gs = _zeros_for_unused(_gradient_of_sum([y], xs, [None], create_graph=True), xs)
    return _like(inputs, tuple(_like(inputs, _jacobian_of(g, xs, create_graph)) for g in gs))


@_to_be_differentiated
@changed_mode(recording=True)
def hvp(func: Callable[..., Any], inputs: Tensors, v: Any, *, create_graph: bool = False) -> tuple[Any, Any]:
    """Return ``func(*inputs)``, which must have one element, and the product of its Hessian with ``v``."""
    xs, vs = _fresh(inputs, create_graph), _sequence(v)
    y = _scalar(_run(func, xs), "hvp")
    if len(vs) != len(xs):
        raise ValueError(f"hvp: {len(xs)} inputs, but {len(vs)} vectors")
    products = _gradient_of_sum(_gradient_of_sum([y], xs, [None], create_graph=True), xs, vs, create_graph)
    return _detached(y, create_graph), _like(inputs, _zeros_for_unused(products, xs))


def _jacobian_of(y: Tensor, xs: list[Tensor], create_graph: bool) -> tuple[Tensor, ...]:
    """Return the Jacobian of one tensor with respect to each of ``xs``, a row for each element of ``y``."""
    if y.node is None or not y.size:
        return tuple(_zeros((*y.shape, *x.shape), x) for x in xs)
    rows = []
    for i in range(y.size):
        unit = namespace(y.data).zeros(y.size, dtype=y.dtype)
        unit[i] = 1
        gs = grad(y, xs, unit.reshape(y.shape), retain_graph=True, create_graph=create_graph, allow_unused=True)
        rows.append(_zeros_for_unused(gs, xs))
    return tuple(stack(column).reshape((*y.shape, *x.shape)) for column, x in zip(zip(*rows, strict=True), xs, strict=True))


def _gradient_of_sum(
    ys: Sequence[Tensor | None], xs: list[Tensor], weights: Sequence[Any], create_graph: bool
) -> tuple[Tensor | None, ...]:
    """Differentiate sum(<weight, y>) with respect to ``xs``; a y that depends on nothing contributes nothing."""
    live = [(y, weight) for y, weight in zip(ys, weights, strict=True) if y is not None and y.node is not None]
    if not live:
        return (None,) * len(xs)
    return grad([y for y, _ in live], xs, [weight for _, weight in live], create_graph=create_graph, allow_unused=True)


def _sequence(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _outputs(y: Any, name: str) -> list[Tensor]:
    """Return what a function gave as a list of tensors; refuse anything else."""
    for part in (ys := _sequence(y)):
        if not isinstance(part, Tensor):
            raise TypeError(f"{name}: the function must return a tensor, or a tuple or list of them, not a {type(part).__name__}")
    return ys


def _like(model: Any, values: Sequence[Any]) -> Any:
    """Return ``values`` as a tuple if ``model`` is a sequence, and the only one of them otherwise."""
    return tuple(values) if isinstance(model, (list, tuple)) else values[0]


def _fresh(inputs: Any, create_graph: bool) -> list[Tensor]:
    """Return leaves with the values of the inputs, or views of them where the result must stay connected to the inputs.

    Views, as what the function takes from elsewhere is a constant to it, even where that is the same tensor.
    """
    xs = _sequence(inputs)
    for i, x in enumerate(xs):
        if not isinstance(x, Tensor):
            raise TypeError(f"the inputs must be tensors, such as mg.tensor([1.0, 2.0]); number {i} is a {type(x).__name__}")
    return [reshape(x, x.shape) if create_graph and x.node is not None else wrap(x.data, None).requires_grad_() for x in xs]


def _tangent_of(x: Tensor, v: Any, number: int) -> Tensor:
    """Return a direction as a Tensor, which has the shape of the input and takes its dtype."""
    tangent = v if isinstance(v, Tensor) else wrap(as_array(v), None)
    if tangent.shape != x.shape:
        raise ValueError(f"jvp: the tangent of input {number} has shape {tangent.shape}, the input {x.shape}")
    return tangent if tangent.dtype == x.dtype else tangent.astype(x.dtype)


def _detached(y: Any, create_graph: bool) -> Any:
    return y if create_graph else _like(y, [part.detach() for part in _sequence(y)])


def _zeros(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return wrap(namespace(like.data).zeros(shape, dtype=like.dtype), None)


def _zeros_like(x: Tensor) -> Tensor:
    return _zeros(x.shape, x)


def _zeros_for_unused(gs: Sequence[Tensor | None], xs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(_zeros_like(x) if g is None else g for g, x in zip(gs, xs, strict=True))


def _scalar(y: Any, name: str) -> Tensor:
    if not isinstance(y, Tensor) or y.size != 1:
        raise ValueError(f"{name}: the function must return one tensor with one element, not {getattr(y, 'shape', type(y).__name__)}")
    return y
