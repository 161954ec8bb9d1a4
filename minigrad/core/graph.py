"""The graph: what was computed, and the walk that differentiates it.  (Read after ops/elementwise.py.)

Every op applied to a tensor that needs a gradient leaves a `Node`: which op it was, the nodes of its inputs, and the
arrays that its formulas will ask for. A node never refers to the node of a later value, so there are no cycles, and a
graph is freed by reference counts as soon as the last tensor that came from it is gone. (One thing makes a cycle: a gradient
that is kept in ``grad`` and has a graph of its own, which leads back to the leaf that keeps it; see `Tensor.backward`.)

A node is made after the nodes of its inputs. *Order of creation is therefore a topological order*: `newest_first`
sorts by a sequence number, nothing recurses, and a chain of a million nodes is walked like a chain of ten.

`walk` is the only loop that runs backward through a graph. It carries *cotangents*: the cotangent of a value is the derivative
of the final scalar with respect to it. The newest node comes first, and its cotangent is where the walk starts; the formulas of
its op turn that into a contribution to the cotangent of each parent; where a value was used several times, the contributions
are added up. When a node's turn comes, all nodes that used its value are done, so its cotangent is complete::

    y = exp(x)        node 2: op exp, parents (node 1,), saved (y,)        the formula of exp:  g * y
    x                 node 1: a leaf; its cotangent is what x.grad will hold

The formulas run on plain arrays; when the backward pass is itself to be differentiated (``create_graph``), the same formulas
run on Tensors and leave a graph of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from minigrad.backends import Array, is_array
from minigrad.core._overwritten import overwritten
from minigrad.core.mode import mode

if TYPE_CHECKING:
    from minigrad.core.op import Op

next_sequence = count(1).__next__
by_age = attrgetter("seq")


class Node:
    """One application of an op; or a *leaf*, a value that a user made, which has no parents."""

    __slots__ = ("dtype", "grad", "hooks", "hooks_of_outputs", "label", "params", "parents", "plan", "saved", "seq", "shape")

    parents: tuple[Node | None, ...]  #: one per input; None where no gradient is wanted
    plan: Any  #: of an op's node: what it saves and which formulas it runs (`minigrad.core.formula.Plan`)
    saved: Any  #: the arrays that the formulas name, in the order of ``plan.saves``; None once freed; a Recompute under checkpointing
    params: dict[str, Any]  #: of ops that have parameters
    seq: float  #: place in the order of creation
    shape: Any  #: of the value (a tuple of shapes where the op has several outputs)
    dtype: Any
    label: str | None  #: what a user calls the value; not set where it has no name of its own
    hooks: list[Any] | None  #: functions ``hook(node, cotangent)``, which return the cotangent or what replaces it
    hooks_of_outputs: dict[int, list[Any]]  #: where the op has several outputs: the hooks of each
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


# -------------------------------------------------------------------------------------------------------- the walk


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
    now = mode.get()
    quick = not (now.plain or now.observers)  # pull made for the commonest ops; see minigrad.core._fast_calls
    grads = dict(cotangents)  # what has arrived so far of the cotangents of nodes whose turn is still to come
    found: dict[Node, Any] = {}
    owned: set[Node] = set()  # nodes whose cotangent is a sum made here, and so may be added to in place
    for node in order:
        g = grads.pop(node, None)
        if g is None:
            continue
        if node.hooks is not None:
            g = _run_hooks(node, g)
        if wanted is not None and node in wanted:
            found[node] = g
        if node.plan is None or (useful is not None and node not in useful):  # no formulas to run
            if node.__class__ is Output:
                node.join(grads, g)
            elif wanted is None:
                found[node] = g
            continue
        pull = node.plan.quick_pull if quick else node.plan.pull
        for parent, r in pull(node, g, lift, useful):
            if parent not in grads:
                grads[parent] = r
            elif parent in owned:
                grads[parent] += r
            else:
                grads[parent] = grads[parent] + r
                owned.add(parent)
        if free:
            node.saved = None
    return found


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
    order.sort(key=by_age, reverse=True)
    return order


def _run_hooks(node: Node, g: Any) -> Any:
    """Let the hooks of a value see its cotangent; each returns it, or what replaces it."""
    for hook in list(node.hooks or ()):
        g = hook(node, g)
    return g


def _leads_to(wanted: set[Node], order: list[Node]) -> set[Node]:
    """Return the nodes of ``order`` (newest first) from which a wanted node can be reached."""
    useful = set()
    for node in reversed(order):
        if node in wanted or any(parent in useful for parent in node.parents):
            useful.add(node)
    return useful


def fit(r: Any, parent: Node, node: Node, position: int) -> Any:
    """Bring a gradient to the shape and dtype of the input it belongs to: the one place that undoes broadcasting."""
    op = node.op
    assert op is not None
    shape = getattr(r, "shape", None)
    if shape != parent.shape:
        if shape is None or not op.broadcasts or len(shape) < len(parent.shape):
            what = "None; is a return missing?" if r is None else f"a Python {type(r).__name__}" if shape is None else f"shape {shape}"
            name = op.input_name(position)
            raise ValueError(f"{op.name}'s formula for input {name!r} returned {what}; the input has shape {parent.shape}")
        r = sum_to(r, parent.shape)
    if r.dtype == parent.dtype:
        return r
    if r.dtype.kind == "c":
        raise TypeError(f"{op.name}: the gradient for input {op.input_name(position)!r} is complex; keep real and imaginary parts apart")
    return r.astype(parent.dtype)


def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    """Sum an array or Tensor over the axes along which ``shape`` was broadcast to ``x.shape``."""
    lead = len(x.shape) - len(shape)
    stretched = tuple(lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1)
    return x.sum(axis=(*range(lead), *stretched), keepdims=True).reshape(shape)


# ------------------------------------------------------------------------------------------------- what nodes saved


def saved_by(node: Node) -> tuple[Any, ...]:
    """Return what a node saved; say what is wrong if it is freed, or was overwritten since."""
    saved = node.saved
    if saved.__class__ is tuple and node.seq > overwritten.latest:
        return saved
    if saved is None:
        raise RuntimeError(
            f"backward through {node.name} a second time: what it saved was freed by the first backward. "
            "Pass retain_graph=True to the first one"
        )
    if saved.__class__ is not tuple:
        saved = saved.unpack()
    kept = list(zip(node.plan.saves, saved, strict=True))
    for name, value in node.params.items() if node.plan.takes_params else ():  # the key of getitem holds arrays
        kept += [(name, part) for part in (value if isinstance(value, tuple) else (value,))]
    for name, array in kept:
        if is_array(array) and overwritten.when(array) > node.seq:
            raise RuntimeError(
                f"{node.name} saved {name!r} (shape {array.shape}) for the backward pass, and it was "
                "changed in place since. Run backward before the change, or compute with a copy of the tensor"
            )
    return saved  # type: ignore[no-any-return]


def changed_in_place(array: Array) -> None:
    """Note that ``array`` was overwritten: nodes made before this that saved its memory can no longer be used."""
    overwritten.note(array, next_sequence())


# ------------------------------------------------------- ops with several outputs  (read with batch_normalization.py)


class Output(Node):
    """One of the values of an op with several outputs.

    The op leaves one node, its *source*, and each value that is a tensor has an Output, whose one parent is the source. The walk
    comes to the Outputs first; they put their cotangents side by side in a list, which is the cotangent of the source.

    The formulas of a second derivative are given values of the first pass again, and make Outputs for them. So two Outputs are
    equal if they stand for one value, and they share their hooks and their place in the order: just after the source.
    """

    __slots__ = ("index",)

    index: int

    def __init__(self, source: Node, index: int) -> None:
        self.parents, self.plan, self.saved = (source,), None, ()
        self.shape, self.dtype, self.index = source.shape[index], source.dtype[index], index
        self.seq = source.seq + 0.5

    def join(self, grads: dict[Node, Any], g: Any) -> None:
        """Put the cotangent of this value where the source will find it, beside those of its other outputs."""
        grads.setdefault(self.source, [None] * len(self.source.shape))[self.index] = g

    @property
    def source(self) -> Node:
        """The node of the op."""
        return self.parents[0]  # type: ignore[return-value]

    @property
    def op(self) -> Op | None:
        return self.source.op

    @property
    def name(self) -> str:
        """Name of the op and of the output."""
        return f"{self.source.name}.{self.source.plan.op.outputs[self.index]}"

    @property
    def hooks(self) -> list[Any] | None:
        """The hooks of this value, kept by the source."""
        return self.source.hooks_of_outputs.get(self.index)

    @hooks.setter
    def hooks(self, hooks: list[Any] | None) -> None:
        assert hooks is not None
        self.source.hooks_of_outputs[self.index] = hooks

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Output) and other.source is self.source and other.index == self.index

    def __hash__(self) -> int:
        return hash((id(self.source), self.index))
