"""Faster call paths for ops without parameters, one for each arity.  (Not needed to understand minigrad.)

`Op.__call__` says what applying an op means, for any number of inputs, outputs and parameters. Most calls in a
training step are of ops with one or two inputs, one output and no parameters, recorded and unobserved. `specialise`
makes a function for just that case, and falls back to `Op.__call__` for every other; a test compares the graphs that
both build. Measured by ``benchmarks/overhead.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.backends import XP
from minigrad.core._messages import add_note
from minigrad.core._rules import check_output
from minigrad.core.formula import Plan
from minigrad.core.graph import Node, next_sequence
from minigrad.core.mode import RECORDING, mode
from minigrad.core.tensor import Tensor

if TYPE_CHECKING:
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
        t = _new(Tensor)
        t.data = y
        if parent is None:
            t.node = None
            return t
        plan = plans.get(1) or _plan(op, 1, (True,))
        if plan.general:
            t.node = op._record([parent], [a], _NO_PARAMS, y)
            return t
        node = t.node = Node()
        node.plan, node.parents, node.hooks = plan, (parent,), None
        node.seq, node.shape, node.dtype = next_sequence(), y.shape, y.dtype
        keep = plan.keep
        node.saved = (y if keep[0] else a,) if len(keep) == 1 else (a, y) if keep else ()
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
        try:
            y = forward(XP[x.__class__], x, z)
        except Exception as error:
            add_note(error, op, (x, z), _NO_PARAMS, (a, b))
            raise
        if y.__class__ is not x.__class__:
            check_output(op, y)
            y = np.asarray(y)
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
        if plan.general:
            t.node = op._record([pa, pb], [x, z], _NO_PARAMS, y)
            return t
        node = t.node = Node()
        node.plan, node.parents, node.hooks = plan, (pa, pb), None
        node.seq, node.shape, node.dtype = next_sequence(), y.shape, y.dtype
        keep = plan.keep
        node.saved = plan.pick((x, z, y)) if len(keep) > 1 else ((x, z, y)[keep[0]],) if keep else ()
        return t

    return call


def _plan(op: Op, key: int, mask: tuple[bool, ...]) -> Plan:
    """Return the plan for ``mask``, and file it under a number, which is quicker to look up than a tuple."""
    plan = op.plans[key] = op.plan(mask)
    return plan
