"""Formula and Plan: what the formulas of an op need, what is therefore saved, and how they are run.  (Read with op.py.)

A `Formula` reads the signature of a function that somebody wrote: which cotangents, inputs, outputs and parameters it
names. A `Plan` puts together the formulas that one call of an op will need, given which of its inputs want gradients: the
values they name, each once, are what the node saves. Plans are made once for each op and choice of inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from minigrad.backends import Array, is_array, kind_of, namespace
from minigrad.core._fast_calls import quick_pull
from minigrad.core._messages import add_backward_note, returned
from minigrad.core._rules import check_wanted
from minigrad.core._signature import parameters_of
from minigrad.core.graph import Node, Output, fit, saved_by
from minigrad.core.mode import mode
from minigrad.core.tensor import array_of

if TYPE_CHECKING:
    from minigrad.core.op import Op


class Formula:
    """A formula, and what its signature says it needs."""

    def __init__(self, op: Op, inputs: tuple[str, ...], function: Callable[..., Any]) -> None:
        self.inputs, self.function = inputs, function
        self.positions = [op.inputs.index(name) for name in inputs]
        self.cotangents = {f"g_{name}": k for k, name in enumerate(op.outputs)} | {"g": 0}  #: name -> of which output
        self.shapes = {f"{name}_shape" for name in op.inputs} - {*op.inputs, *op.outputs}
        self.needs: list[str] = []  #: its positional arguments
        self.optional: set[str] = set()  #: cotangents that may be None
        self.params: tuple[str, ...] = ()
        for p in parameters_of(function):
            if p.kind == "keyword" and p.name in op.params:
                self.params += (p.name,)
            elif p.kind == "positional" and p.name in {*self.cotangents, *op.inputs, *op.outputs, *self.shapes}:
                self.needs.append(p.name)
                self.optional |= {p.name} if p.default is None else set()
            else:
                raise TypeError(
                    f"{op.name}.vjp names {p.name!r}, which is neither a gradient (g), an input ({', '.join(op.inputs)}), "
                    f"an output ({', '.join(op.outputs)}) nor, after *, a parameter ({', '.join(op.params) or 'it has none'})"
                )

    @property
    def saves(self) -> list[str]:
        """What the graph must save for it: all it needs but cotangents."""
        return [name for name in self.needs if name not in self.cotangents]


class Plan:
    """What an op saves and which formulas run, for one choice of inputs that need gradients."""

    simple: bool  #: whether `minigrad.core._fast_calls` may make the node

    def __init__(self, op: Op, mask: tuple[bool, ...]) -> None:
        check_wanted(op, mask)
        self.op = op
        self.formulas = [f for f in op.formulas if any(mask if op.variadic else [mask[op.inputs.index(name)] for name in f.inputs])]
        self.saves = tuple(dict.fromkeys(name for f in self.formulas for name in f.saves))  #: names of what a node saves, in this order
        #: for each formula its arguments: names, and which of the saved values they are (None: a cotangent)
        self.arguments = {f: [(n, None if n in f.cotangents else self.saves.index(n)) for n in f.needs] for f in self.formulas}
        self.takes_params = any(f.params for f in self.formulas)
        self.keeps_shapes = any(name in f.shapes for f in self.formulas for name in f.saves)
        self.places = [[*op.inputs, *op.outputs, *(f"{name}_shape" for name in op.inputs)].index(name) for name in self.saves]
        self.pick = _picker(self.places)  #: takes what is saved out of (inputs ..., outputs ..., shapes of inputs ...)
        has_formula = {name for f in op.formulas for name in f.inputs}
        #: for each input whether the node gets a parent for it
        self.live = tuple([m and op.inputs[0 if op.variadic else i] in has_formula for i, m in enumerate(mask)])
        self.foreign = not op.__module__.startswith("minigrad.")  #: an op of a user's: its formula may return an array that they keep
        self.quick_pull = quick_pull(self)  #: for `minigrad.core.graph.walk`: the same as `pull`

    def pull(self, node: Node, g: Any, lift: Any, useful: set[Node] | None) -> Iterable[tuple[Node, Any]]:
        """Run the formulas of a node on its cotangent (a list of cotangents where the op has several outputs).

        Returns each parent with its gradient, or those of the ``useful`` parents; `minigrad.core.graph.walk` explains ``lift``.
        """
        saved = saved_by(node)
        if lift is not None:
            saved = self.lift_saved(node, saved, lift)
        found, observers = [], mode.get().observers
        try:
            for formula in self.formulas:
                inputs = range(len(node.parents)) if self.op.variadic else formula.positions
                if useful is not None and not any(node.parents[i] in useful for i in inputs):
                    continue
                results = self.run(formula, node, g, saved, lift)
                if not isinstance(results, (tuple, list)) or len(results) != len(inputs):
                    raise ValueError(f"{self.op.name}'s formula for {', '.join(formula.inputs)} returned {returned(results, len(inputs))}")
                for i, r in zip(inputs, results, strict=True):
                    parent = node.parents[i]
                    if parent is not None and (useful is None or parent in useful):
                        if self.foreign and lift is None and is_array(r):
                            r = r.copy()
                        if getattr(r, "dtype", None) is not parent.dtype or r.shape != parent.shape:
                            r = fit(r, parent, node, i)
                        found.append((parent, r))
                        for observer in observers:
                            observer.on_backward(node, i, g, r)
        except Exception as error:
            add_backward_note(error, node, g, saved)
            raise
        return found

    def run(self, formula: Formula, node: Node, g: Any, saved: tuple[Any, ...], lift: Any) -> Any:
        """Call a formula, or a kernel that stands for it, with what it names. Returns its gradients, however many."""
        op = self.op
        args = [_cotangent(formula, name, node, g, lift) if k is None else saved[k] for name, k in self.arguments[formula]]
        params = {name: node.params[name] for name in formula.params}
        now = mode.get()
        kernel = op.kernels.get((kind_of(*args), formula.inputs)) if op.kernels and lift is None and not now.plain else None
        kernel = kernel if kernel is None or now.recorder is None else now.recorder.boxed(kernel)
        result: Any = NotImplemented if kernel is None else kernel(*args, **params)
        if result is NotImplemented:
            result = formula.function(*args, **params)
        return result if op.variadic or len(formula.inputs) > 1 else (result,)

    def lift_saved(self, node: Node, saved: tuple[Any, ...], lift: Callable[[Array, Node | None], Any]) -> tuple[Any, ...]:
        """Return the saved arrays as Tensors of the graph they came from, so that formulas can be differentiated."""
        op = self.op

        def lifted(name: str, value: Any) -> Any:
            if name in op.inputs and op.variadic:
                return tuple([lift(v, p) if is_array(v) else v for v, p in zip(value, node.parents, strict=True)])
            if not is_array(value):
                return value
            if name in op.inputs:
                return lift(value, node.parents[op.inputs.index(name)])
            return lift(value, node if len(op.outputs) == 1 else Output(node, op.outputs.index(name)))

        return tuple([lifted(name, value) for name, value in zip(self.saves, saved, strict=True)])


def _picker(places: list[int]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that takes the values at these places out of a tuple."""
    return itemgetter(*places) if len(places) > 1 else lambda values: tuple([values[k] for k in places])


def _cotangent(formula: Formula, name: str, node: Node, g: Any, lift: Any) -> Any:
    """Return a cotangent that a formula names: zeros where nothing depends on that output, unless it takes None for that."""
    if g.__class__ is not list:
        return g
    k = formula.cotangents[name]
    if g[k] is not None or name in formula.optional:
        return g[k]
    some = next(c for c in g if c is not None)
    zeros = namespace(array_of(some)).zeros(node.shape[k], dtype=node.dtype[k])
    return zeros if lift is None else lift(zeros, None)
