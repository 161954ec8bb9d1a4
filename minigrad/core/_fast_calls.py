"""Faster call paths for ops without parameters, one for each arity.  (Not needed to understand minigrad.)

`Op.__call__` says what applying an op means, for any number of inputs, outputs and parameters. Most calls in a
training step are of ops with one or two inputs, one output and no parameters, recorded and unobserved. `specialise`
makes a function for just that case, and falls back to `Op.__call__` for every other; a test compares the graphs that
both build. Measured by ``benchmarks/overhead.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.backends import XP
from minigrad.core._dtypes import result_of, settled
from minigrad.core._messages import add_backward_note, add_note
from minigrad.core._overwritten import overwritten
from minigrad.core._rules import check_output
from minigrad.core.graph import Node, fit, next_sequence
from minigrad.core.mode import RECORDING, mode
from minigrad.core.tensor import Tensor

if TYPE_CHECKING:
    from minigrad.core.formula import Plan
    from minigrad.core.op import Op

_new = Tensor.__new__
_mode = mode.get
_NO_PARAMS: dict[str, Any] = {}


def specialise(op: Op) -> Op:
    """Give ``op`` a call path of its own, as ``op(...)`` and as the plain function ``op.method`` to bind to Tensor."""
    plain = len(op.outputs) == 1 and not op.params and not op.variadic and not op.optional_inputs
    make = {1: _unary, 2: _binary}.get(len(op.inputs), _general) if plain else _general
    call = make(op)
    if make is not _general:  # the inputs have the op's names for them, by keyword and in Python's own errors
        code = call.__code__
        call.__code__ = code.replace(co_varnames=(*op.inputs, *code.co_varnames[len(op.inputs) :]))
    call.__name__ = call.__qualname__ = op.name
    call.__doc__, call.__module__ = op.__doc__, op.__module__
    call.__wrapped__ = op  # type: ignore[attr-defined]  # whose signature inspect then takes
    # Each op is the only instance of its own class, as Python looks up __call__ on the class.
    fast = {} if make is _general else {"__call__": staticmethod(call)}
    own = type(f"Op_{op.name}", (type(op),), {**fast, "method": staticmethod(call), "__slots__": ()})
    op.__class__ = own
    return op


def _general(op: Op) -> Callable[..., Any]:
    generic = type(op).__call__

    def call(*args: Any, **params: Any) -> Any:
        return generic(op, *args, **params)

    return call


def _unary(op: Op) -> Callable[..., Any]:
    generic, forward, plans, kernels = type(op).__call__, op.forward, op.plans, op.kernels

    def call(x: Any) -> Any:
        if (x.__class__ is not Tensor and not isinstance(x, Tensor)) or _mode() is not RECORDING or kernels:
            return generic(op, x)
        a, parent = x.data, x.node
        try:
            y = forward(XP[a.__class__], a)
        except Exception as error:
            add_note(error, op, (a,), _NO_PARAMS, (x,))
            raise
        if y.__class__ is not a.__class__:
            check_output(op, y)
            y = np.asarray(y)
        if y.dtype is not a.dtype:
            y = result_of(op, (a,), y, _NO_PARAMS)
        t = _new(Tensor)
        t.data = y
        if parent is None:
            t.node = None
            return t
        plan = plans.get(1) or _plan(op, 1, (True,))
        if not plan.simple:
            t.node = op._record([parent], [a], _NO_PARAMS, y)
            return t
        node = t.node = Node()
        node.plan, node.parents, node.hooks = plan, (parent,), None
        node.seq, node.shape, node.dtype = next_sequence(), y.shape, y.dtype
        places = plan.places
        node.saved = (y if places[0] else a,) if len(places) == 1 else plan.pick((a, y)) if places else ()
        return t

    return call


def _binary(op: Op) -> Callable[..., Any]:
    generic, forward, plans, kernels = type(op).__call__, op.forward, op.plans, op.kernels

    def call(a: Any, b: Any) -> Any:
        if (a.__class__ is not Tensor and not isinstance(a, Tensor)) or _mode() is not RECORDING or kernels:
            return generic(op, a, b)
        x, pa = a.data, a.node
        if b.__class__ is Tensor or isinstance(b, Tensor):
            z, pb = b.data, b.node
        else:
            z, pb = b.item() if isinstance(b, np.generic) else b, None
        if z.__class__ in XP and z.dtype is not x.dtype:
            x, z = settled(op, [x, z])
        try:
            y = forward(XP[x.__class__], x, z)
        except Exception as error:
            add_note(error, op, (x, z), _NO_PARAMS, (a, b))
            raise
        if y.__class__ is not x.__class__:
            check_output(op, y)
            y = np.asarray(y)
        if y.dtype is not x.dtype:
            y = result_of(op, (x, z), y, _NO_PARAMS)
        t = _new(Tensor)
        t.data = y
        if pa is not None:
            if pb is not None:
                plan = plans.get(3) or _plan(op, 3, (True, True))
            else:
                plan = plans.get(1) or _plan(op, 1, (True, False))
        elif pb is not None:
            plan = plans.get(2) or _plan(op, 2, (False, True))
        else:
            t.node = None
            return t
        if not plan.simple:
            t.node = op._record([pa, pb], [x, z], _NO_PARAMS, y)
            return t
        node = t.node = Node()
        node.plan, node.parents, node.hooks = plan, (pa, pb), None
        node.seq, node.shape, node.dtype = next_sequence(), y.shape, y.dtype
        places = plan.places
        node.saved = plan.pick((x, z, y)) if len(places) > 1 else ((x, z, y)[places[0]],) if places else ()
        return t

    return call


def _plan(op: Op, key: int, mask: tuple[bool, ...]) -> Plan:
    """Return the plan for ``mask``, and file it under a number, which is quicker to look up than a tuple."""
    plan = op.plans[key] = op.plan(mask)
    plan.simple = bool(plan.formulas) and not plan.keeps_shapes
    return plan


# ----------------------------------------------------------------------------------------------------- running backward

Gradients = Iterable[tuple[Node, Any]]


def quick_pull(plan: Plan) -> Callable[..., Gradients]:
    """Return `Plan.pull`, made for ops with one output and one or two formulas, each of one cotangent and at most one saved value."""
    op, formulas = plan.op, plan.formulas
    simple = all(len(f.inputs) == 1 and f.needs[:1] == ["g"] and len(f.saves) == len(f.needs) - 1 < 2 and not f.params for f in formulas)
    if plan.foreign or op.kernels or op.variadic or len(op.outputs) > 1 or not 1 <= len(formulas) <= 2 or not simple:
        return plan.pull
    rules = [(f.positions[0], f.function, plan.saves.index(f.saves[0]) if f.saves else None) for f in formulas]
    return _pull_one(plan, *rules) if len(rules) == 1 else _pull_two(plan, *rules)


def _pull_one(plan: Plan, rule: tuple[int, Callable[..., Any], int | None]) -> Callable[..., Gradients]:
    position, formula, place = rule

    def pull(node: Node, g: Any, lift: Any, useful: set[Node] | None) -> Gradients:
        saved = node.saved
        if lift is not None or saved.__class__ is not tuple or node.seq < overwritten.latest:
            return plan.pull(node, g, lift, useful)
        parent: Any = node.parents[position]
        try:
            r = formula(g) if place is None else formula(g, saved[0])
            if r.__class__ is not g.__class__ or r.dtype is not parent.dtype or r.shape != parent.shape:
                r = fit(r, parent, node, position)
        except Exception as error:
            add_backward_note(error, node, g, saved)
            raise
        return ((parent, r),)

    return pull


def _pull_two(plan: Plan, *rules: tuple[int, Callable[..., Any], int | None]) -> Callable[..., Gradients]:
    (i, first, from_a), (j, second, from_b) = rules

    def pull(node: Node, g: Any, lift: Any, useful: set[Node] | None) -> Gradients:
        saved, parents = node.saved, node.parents
        if lift is not None or useful is not None or saved.__class__ is not tuple or node.seq < overwritten.latest:
            return plan.pull(node, g, lift, useful)
        a: Any = parents[i]  # both are nodes: a plan has formulas for its parents only
        b: Any = parents[j]
        try:
            r = first(g) if from_a is None else first(g, saved[from_a])
            if r.__class__ is not g.__class__ or r.dtype is not a.dtype or r.shape != a.shape:
                r = fit(r, a, node, i)
            s = second(g) if from_b is None else second(g, saved[from_b])
            if s.__class__ is not g.__class__ or s.dtype is not b.dtype or s.shape != b.shape:
                s = fit(s, b, node, j)
        except Exception as error:
            add_backward_note(error, node, g, saved)
            raise
        return ((a, r), (b, s))

    return pull
