"""Forward mode: tangents, carried along while a function runs.

The *tangent* of a value is its derivative along the direction in which the inputs move: J v. No op has a formula for it: it follows
from the formulas of the backward pass, which give u^T J, in one of three ways.

**By the formula itself**, where the op is elementwise: J is diagonal, and what is diagonal is its own transpose::

    y = exp(x)           the formula: u -> u * y        the tangent: dy = dx * y

**By the op itself**, where the formula names neither its input nor an output, so that it does not depend on them: the op is linear
in it, and is its own derivative. A product is linear in each factor; their formulas name only one another::

    y = a @ b            dy = da @ b  +  a @ db

**By the transpose of the formula**, whatever the op is: u -> u^T J is linear in u. Recorded for some u, and differentiated with respect to
u with the tangent for a cotangent, it gives J v.

So tangents are right where the formulas are, and nobody has to write, or to check, a second set.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minigrad.backends import Array, is_array, namespace
from minigrad.core.formula import Formula
from minigrad.core.graph import Node, Output, fit, leaf, saved_by, walk
from minigrad.core.mode import Observer, changed_mode, mode
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, wrap
from minigrad.ops.families import is_elementwise
from minigrad.ops.shape import broadcast_to

Parts = Iterable[tuple[Node, Tensor]]  #: of tangents: the node of a value, and what one formula contributes

#: ops with a formula that names neither its input nor an output although they are not linear in it: they have an offset
NOT_LINEAR = {"binary_cross_entropy", "pad", "sigmoid_cross_entropy"}


def is_linear(op: Op, formula: Formula) -> bool:
    """Tell whether the op is linear in the inputs of this formula. Of a user's op that is not known: its formula may leave out a jump."""
    own = op.__module__.startswith("minigrad.") and op.name not in NOT_LINEAR
    return own and {*formula.saves}.isdisjoint({*formula.inputs, *op.outputs})


class Tangents(Observer):
    """Carries tangents along: within ``changed_mode(observers=(tangents,))`` every op passes on those of its inputs.

    Parameters
    ----------
    start
        The nodes of the inputs, each with its tangent.
    differentiable
        Record what is done for the tangents, so that they can be differentiated.
    """

    def __init__(self, start: dict[Node, Tensor], differentiable: bool = False) -> None:
        self._tangents, self._differentiable = dict(start), differentiable

    def of(self, y: Tensor) -> Tensor | None:
        """Return the tangent of a value; None where it does not depend on the inputs."""
        return None if y.node is None else self._tangents.get(y.node)

    def on_forward(self, op: Op, args: tuple[Any, ...], params: dict[str, Any], out: Any, node: Node | None) -> None:
        """Find the tangents of what an op computed: for each formula a part, as for each input by the chain rule."""
        if node is None:
            return
        moving = {i: self._tangents[p] for i, p in enumerate(node.parents) if p is not None and p in self._tangents}
        around = mode.get().observers  # those from before the function was called go on: a tangent of this tangent may be wanted
        with changed_mode(observers=around[: around.index(self)], autocast=None, recording=self._differentiable):
            for formula in node.plan.formulas if moving else ():
                places = range(len(args)) if op.variadic else formula.positions
                here = {i: moving[i] for i in places if i in moving}
                if not here or op.zeros.issuperset(formula.inputs):
                    continue
                by_the_op = self._by_the_op if is_linear(op, formula) else self._by_the_transpose
                for value, part in (self._by_the_formula if is_elementwise(op) else by_the_op)(formula, node, args, params, here):
                    before = self._tangents.get(value)
                    self._tangents[value] = part if before is None else before + part

    def _by_the_formula(self, formula: Formula, node: Node, args: Any, params: Any, moving: dict[int, Tensor]) -> Parts:
        """Run the formula on the tangent."""
        lift = self._lifted if self._differentiable else None
        saved = node.plan.lift_saved(node, saved_by(node), lift) if lift else saved_by(node)
        for i, t in moving.items():
            t = _typed(t if t.shape == node.shape else broadcast_to(t, shape=node.shape), node.dtype)
            part = node.plan.run(formula, node, t if lift else t.data, saved, lift)[formula.positions.index(i)]
            yield node, _typed(part if lift else wrap(part, None), node.dtype)

    def _by_the_op(self, formula: Formula, node: Node, args: Any, params: Any, moving: dict[int, Tensor]) -> Parts:
        """Apply the op to tangents in the place of inputs, and to nothing in the place of what the formula does not name: an offset."""
        op = node.plan.op
        named = {*formula.saves} - {*formula.inputs}
        offsets = {name for other in op.formulas for name in other.inputs} - named

        def argument(i: int, a: Any) -> Any:
            name = op.inputs[0 if op.variadic else i]
            if i in moving:
                return _typed(moving[i], a.dtype)  # autocast may have cast the input
            if a is None or name not in offsets:
                return self._lifted(a, node.parents[i]) if is_array(a) else a
            if name in op.optional_inputs:
                return op.optional_inputs[name]
            return namespace(a).zeros_like(a) if is_array(a) else type(a)()

        return [(node, _typed(op(*[argument(i, a) for i, a in enumerate(args)], **params), node.dtype))]

    def _by_the_transpose(self, formula: Formula, node: Node, args: Any, params: Any, moving: dict[int, Tensor]) -> Parts:
        """Record the formula for a cotangent u of each output, and differentiate with respect to u."""
        xp = namespace(next(iter(moving.values())).data)
        several = len(node.plan.op.outputs) > 1
        values: list[Node] = [Output(node, k) for k in range(len(node.shape))] if several else [node]
        leaves = {value: leaf(value.shape, value.dtype) for value in values if value.dtype.kind == "f"}
        us = [wrap(xp.zeros(v.shape, dtype=v.dtype), leaves[v]) if v in leaves else None for v in values]
        places = range(len(node.parents)) if node.plan.op.variadic else formula.positions
        start: dict[Node, Any] = {}
        with changed_mode(recording=True):
            saved = node.plan.lift_saved(node, saved_by(node), self._lifted)
            gradients = node.plan.run(formula, node, us if several else us[0], saved, self._lifted)
            for i, gradient in zip(places, gradients, strict=True):
                parent = node.parents[i]
                r = fit(gradient, parent, node, i).node if parent is not None and i in moving else None
                if r is not None:  # otherwise it does not depend on u: there is no gradient here
                    t = moving[i] if self._differentiable else moving[i].data
                    start[r] = start[r] + t if r in start else t
            lift = wrap if self._differentiable else None
            found = walk(start, {*leaves.values()}, lift=lift, free=lift is None)
        tangents = [(v, found[u]) for v, u in leaves.items() if u in found]
        return [(v, t if isinstance(t, Tensor) else wrap(t, None)) for v, t in tangents]

    def _lifted(self, array: Array, node: Node | None) -> Tensor:
        """Return a value as a Tensor: of the graph it came from if tangents are to be differentiated, and a constant otherwise."""
        return wrap(array, node if self._differentiable else None)


def _typed(tangent: Tensor, dtype: Any) -> Tensor:
    return tangent if tangent.dtype == dtype else tangent.astype(dtype)
