"""The graph: what was computed, and the walk that differentiates it.  (Read this file first.)

Every op applied to a tensor that needs a gradient leaves a `Node`: which op it was, the nodes of its inputs, and the
arrays that its formulas will ask for. A node never refers to the node of a later value, so there are no cycles, and a
graph is freed by reference counts as soon as the last tensor that came from it is gone. (One thing makes a cycle: a gradient
that is kept in ``grad`` and has a graph of its own, which leads back to the leaf that keeps it; see `Tensor.backward`.)

A node is made after the nodes of its inputs. *Order of creation is therefore a topological order*: `newest_first`
sorts by a sequence number, nothing recurses, and a chain of a million nodes is walked like a chain of ten.

`walk` is the only loop that runs backward through a graph. It hands each node's cotangent (the derivative of the final
scalar with respect to the node's value) to the formulas of its op and adds what they return to the cotangents of the
parents. The formulas run on plain arrays; when the backward pass is itself to be differentiated (``create_graph``),
the same formulas run on Tensors and leave a graph of their own.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from minigrad.backends import Array, is_array, owner
from minigrad.core.mode import mode

if TYPE_CHECKING:
    from minigrad.core.op import Op

next_sequence = count(1).__next__


class Node:
    """One application of an op; or a *leaf*, a value that a user made, which has no parents."""

    __slots__ = ("dtype", "grad", "hooks", "label", "params", "parents", "plan", "saved", "seq", "shape")

    parents: tuple[Node | None, ...]  #: one per input; None where no gradient is wanted
    plan: Any  #: minigrad.core.formula.Plan: what was saved, and which formulas to run
    saved: Any  #: a tuple as the plan lists it; None once freed; a Recompute under checkpointing
    params: dict[str, Any]  #: of ops that have parameters
    seq: float
    shape: Any  #: of the value (a tuple of shapes where the op has several outputs)
    dtype: Any
    label: str | None  #: what a user calls the value; not set where it has no name of its own
    hooks: list[Any] | None  #: functions of the cotangent; for several outputs, a list for each
    grad: Any  #: of leaves: the accumulated gradient, a Tensor, or None

    @property
    def is_leaf(self) -> bool:
        """Whether a user made the value, rather than an op."""
        return not self.parents

    @property
    def op(self) -> Op | None:
        """The op that made the value; None for a leaf."""
        return self.plan.op if self.plan is not None else None

    @property
    def name(self) -> str:
        """Name of the op that made the value."""
        return self.op.name if self.op is not None else "leaf"

    def __repr__(self) -> str:
        return f"<Node {getattr(self, 'label', None) or self.name} #{self.seq} {self.shape}>"


def leaf(shape: tuple[int, ...], dtype: Any, label: str | None = None) -> Node:
    """Make the node of a tensor that a user made with ``requires_grad=True``: where a gradient ends up."""
    node = Node()
    node.parents, node.plan, node.saved, node.hooks, node.grad = (), None, (), None, None
    node.shape, node.dtype, node.label, node.seq = shape, dtype, label, next_sequence()
    return node


class Output(Node):
    """One of the values of a node whose op has several outputs. Two of them are equal if they stand for one value."""

    __slots__ = ("index",)

    index: int

    def __init__(self, source: Node, index: int) -> None:
        self.parents, self.plan, self.saved = (source,), None, ()
        self.shape, self.dtype, self.index = source.shape[index], source.dtype[index], index
        self.hooks = source.hooks[index] if source.hooks else None
        self.seq = source.seq + 0.5  # after its source, before everything that can use it

    def share_hooks(self) -> None:
        """Let every `Output` that stands for this value run its hooks: those made later, for a second derivative, too."""
        source = self.parents[0]
        assert source is not None
        if source.hooks is None:
            source.hooks = [None] * len(source.shape)
        source.hooks[self.index] = self.hooks

    @property
    def op(self) -> Op | None:
        return self.parents[0].op  # type: ignore[union-attr]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Output) and other.parents[0] is self.parents[0] and other.index == self.index

    def __hash__(self) -> int:
        return hash((id(self.parents[0]), self.index))


# -------------------------------------------------------------------------------------------------------- the walk

_changes: dict[int, tuple[Any, float]] = {}  # id of a memory's owner -> weak reference to it, when it was overwritten
_last_change = 0.0


def changed_in_place(array: Array) -> None:
    """Note that ``array`` was overwritten: nodes made before this that saved its memory can no longer be used."""
    global _last_change
    memory = owner(array)
    key = id(memory)
    _last_change = next_sequence()
    _changes[key] = (weakref.ref(memory, lambda _: _changes.pop(key, None)), _last_change)


def newest_first(roots: Iterable[Node]) -> list[Node]:
    """Return every node that ``roots`` depend on, themselves included, each before its parents."""
    seen = set(roots)
    stack = list(seen)
    order = []
    while stack:
        node = stack.pop()
        order.append(node)
        for parent in node.parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    order.sort(key=attrgetter("seq"), reverse=True)
    return order


def walk(
    cotangents: dict[Node, Any],
    wanted: set[Node] | None = None,
    *,
    lift: Callable[[Array, Node | None], Any] | None = None,
    free: bool = True,
) -> dict[Node, Any]:
    """Carry cotangents backward through the graph: the only loop that differentiates.

    Parameters
    ----------
    cotangents
        The nodes to start from, each with the cotangent of its value.
    wanted
        The nodes whose cotangents are to be returned; None for every leaf.
    lift
        Makes a Tensor from an array and its node. If given, formulas run on Tensors, so that what they compute can be
        differentiated again; otherwise they run on arrays.
    free
        Drop what nodes saved as soon as their formulas have run.

    Returns
    -------
    dict
        The cotangents of the wanted nodes that the start depends on.
    """
    order = newest_first(cotangents)
    useful = None if wanted is None else _leads_to(wanted, order)
    watchers = mode.get().observers
    grads = dict(cotangents)
    found: dict[Node, Any] = {}
    owned: set[Node] = set()  # nodes whose cotangent is a sum made here, and so may be added to in place
    for node in order:
        g = grads.pop(node, None)
        if g is None:
            continue
        if node.hooks is not None and g.__class__ is not list:
            for hook in list(node.hooks):
                g = hook(node, g)
        if wanted is not None and node in wanted:
            found[node] = g
        plan = node.plan
        if plan is None:
            if node.__class__ is Output:
                source: Any = node.parents[0]
                grads.setdefault(source, [None] * len(source.shape))[node.index] = g
            elif wanted is None:
                found[node] = g
            continue
        if useful is not None and node not in useful:
            continue
        saved = node.saved
        if saved.__class__ is not tuple or node.seq < _last_change:
            saved = _check_saved(node)
        if lift is not None:
            saved = plan.lift_saved(node, saved, lift)
        parents = node.parents
        try:
            for position, formula, where, names in plan.steps if plan.plain else plan.pull(node, g, saved, lift, useful):
                parent = parents[position]
                if useful is not None and parent not in useful:
                    continue
                n = len(where)
                if names:
                    r = formula(g, *[saved[k] for k in where], **{name: node.params[name] for name in names})
                else:
                    r = formula(g, saved[where[0]]) if n == 1 else formula(g, *[saved[k] for k in where]) if n else formula(g)
                if getattr(r, "dtype", None) is not parent.dtype or r.shape != parent.shape:
                    r = _fit(r, parent, node, position)
                if watchers:
                    for watcher in watchers:
                        watcher.on_backward(node, position, g, r)
                if parent not in grads:
                    grads[parent] = r
                elif parent in owned:
                    grads[parent] += r
                else:
                    grads[parent] = grads[parent] + r
                    owned.add(parent)
        except Exception as error:
            plan.add_note(error, node, g, saved)
            raise
        if free:
            node.saved = None
    return found


def _leads_to(wanted: set[Node], order: list[Node]) -> set[Node]:
    """Return the nodes of ``order`` (newest first) from which a wanted node can be reached."""
    useful = set()
    for node in reversed(order):
        if node in wanted or any(parent in useful for parent in node.parents):
            useful.add(node)
    return useful


def _check_saved(node: Node) -> tuple[Any, ...]:
    """Return what the node saved; say what is wrong if it is freed, or was overwritten since."""
    saved = node.saved
    if saved is None:
        raise RuntimeError(
            f"backward through {node.name} a second time: what it saved was freed by the first backward. "
            "Pass retain_graph=True to the first one"
        )
    if saved.__class__ is not tuple:
        saved = saved.unpack()
    kept = [(node.plan.name_of(k), value) for k, value in zip(node.plan.keep, saved, strict=True)]
    for name, value in node.params.items() if node.plan.takes_params else ():  # the key of getitem holds arrays
        kept += [(name, part) for part in (value if isinstance(value, tuple) else (value,))]
    for name, array in kept:
        if is_array(array) and _changes.get(id(owner(array)), (None, 0.0))[1] > node.seq:
            raise RuntimeError(
                f"{node.name} saved {name!r} (shape {array.shape}) for the backward pass, and it was "
                "changed in place since. Run backward before the change, or compute with a copy of the tensor"
            )
    return saved  # type: ignore[no-any-return]


def _fit(r: Any, parent: Node, node: Node, position: int) -> Any:
    """Bring a gradient to the shape and dtype of the input it belongs to: the one place that undoes broadcasting."""
    op = node.op
    assert op is not None
    shape = getattr(r, "shape", None)
    if shape != parent.shape:
        if shape is None or not op.broadcasts or len(shape) < len(parent.shape):
            what = "None; is a return missing?" if r is None else f"a {type(r).__name__}" if shape is None else f"shape {shape}"
            name = op.input_name(position)
            raise ValueError(f"{op.name}'s formula for input {name!r} returned {what}; the input has shape {parent.shape}")
        r = sum_to(r, parent.shape)
    return r if r.dtype == parent.dtype else r.astype(parent.dtype)


def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    """Sum an array or Tensor over the axes along which ``shape`` was broadcast to ``x.shape``."""
    lead = len(x.shape) - len(shape)
    stretched = tuple(lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1)
    return x.sum(axis=(*range(lead), *stretched), keepdims=True).reshape(shape)
