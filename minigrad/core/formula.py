"""Formula and Plan: what the formulas of an op need, what is therefore saved, and how they are run.  (Read with op.py.)

A `Formula` reads the signature of a function that somebody wrote: which cotangents, inputs, outputs and parameters it
names. A `Plan` puts together the formulas that one call of an op will need, given which of its inputs want gradients: the
values they name, each once, are what the node saves. Plans are made once for each op and choice of inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from minigrad.backends import Array, is_array, kind_of, namespace
from minigrad.core._messages import add_backward_note
from minigrad.core._rules import check_wanted
from minigrad.core._signature import parameters_of
from minigrad.core.graph import Node, Output
from minigrad.core.mode import mode
from minigrad.core.tensor import array_of

if TYPE_CHECKING:
    from minigrad.core.op import Op


class Formula:
    """A formula, and what its signature says it needs."""

    def __init__(self, op: Op, inputs: tuple[str, ...], function: Callable[..., Any]) -> None:
        self.inputs, self.function = inputs, function
        self.positions = [op.inputs.index(name) for name in inputs]
        self.needs: list[tuple[str, int, bool]] = []  #: ("cotangent" or "saved", index, may it be None)
        self.params: tuple[str, ...] = ()
        n, m = len(op.inputs), len(op.outputs)
        places = {name: ("saved", n + k) for k, name in enumerate(op.outputs)}
        places |= {f"{name}_shape": ("saved", n + m + k) for k, name in enumerate(op.inputs)}
        places |= {name: ("saved", k) for k, name in enumerate(op.inputs)}
        places |= {f"g_{name}": ("cotangent", k) for k, name in enumerate(op.outputs)} | {"g": ("cotangent", 0)}
        for p in parameters_of(function):
            if p.kind == "keyword" and p.name in op.params:
                self.params += (p.name,)
            elif p.kind == "positional" and p.name in places:
                kind, k = places[p.name]
                self.needs.append((kind, k, p.default is None))
            else:
                raise TypeError(
                    f"{op.name}.vjp names {p.name!r}, which is neither a gradient (g), an input ({', '.join(op.inputs)}), "
                    f"an output ({', '.join(op.outputs)}) nor, after *, a parameter ({', '.join(op.params) or 'it has none'})"
                )
        cotangents = [at for at, (kind, _, _) in enumerate(self.needs) if kind == "cotangent"]
        self.plain = len(inputs) == 1 and cotangents == [0]  # formula(g, saved values ..., parameters)


class Plan:
    """What an op saves and which formulas run, for one choice of inputs that need gradients.

    ``keep`` numbers the values to save: inputs first, then outputs, then the shapes of inputs. ``steps`` holds a tuple
    for each formula: for which input, the function, which of the saved values to give it, and which parameters. A *plain*
    plan, where each formula takes one cotangent and returns one gradient, is run by `minigrad.core.graph.walk` itself; others
    by `pull`.
    """

    add_note = staticmethod(add_backward_note)  #: to an exception of a formula

    def __init__(self, op: Op, mask: tuple[bool, ...]) -> None:
        check_wanted(op, mask)
        self.op = op
        self.formulas = [f for f in op.formulas if any(mask if op.variadic else [mask[op.inputs.index(name)] for name in f.inputs])]
        self.keep = tuple(dict.fromkeys(k for f in self.formulas for kind, k, _ in f.needs if kind == "saved"))
        self.pick = _picker(self.keep)
        self.where = {k: at for at, k in enumerate(self.keep)}
        has_formula = {name for f in op.formulas for name in f.inputs}
        self.live = tuple([m and op.inputs[0 if op.variadic else i] in has_formula for i, m in enumerate(mask)])
        self.takes_params = any(f.params for f in self.formulas)
        self.keeps_shapes = max(self.keep, default=0) >= len(op.inputs) + len(op.outputs)
        self.plain = not op.kernels and not op.variadic and len(op.outputs) == 1 and all(f.plain for f in self.formulas)
        self.general = not self.plain or self.takes_params or self.keeps_shapes or not self.formulas  # nodes by Op._record only
        self.steps = tuple(
            (op.inputs.index(f.inputs[0]), f.function, tuple(self.where[k] for kind, k, _ in f.needs if kind == "saved"), f.params)
            for f in self.formulas
        )

    def pull(self, node: Node, g: Any, saved: tuple[Any, ...], lift: Any, useful: Any) -> list[Any]:
        """Run the formulas of an op that has several outputs, formulas for several inputs, or kernels.

        Returns steps for `minigrad.core.graph.walk` that only hand over what the formulas returned.
        """
        op, where, parents = self.op, self.where, node.parents
        cotangents = g if g.__class__ is list else [g]
        steps = []
        for f in self.formulas:
            positions = range(len(parents)) if op.variadic else f.positions
            if useful is not None and not any(parents[i] in useful for i in positions):
                continue
            args = []
            for kind, k, optional in f.needs:
                if kind == "saved":
                    args.append(saved[where[k]])
                elif cotangents[k] is None and not optional:
                    args.append(_zero_cotangent(node, k, cotangents, lift))
                else:
                    args.append(cotangents[k])
            params = {name: node.params[name] for name in f.params}
            now = mode.get()
            kernel = op.kernels.get((kind_of(*args), f.inputs)) if op.kernels and lift is None and now.kernels else None
            kernel = kernel if kernel is None or now.recorder is None else now.recorder.boxed(kernel)
            result: Any = NotImplemented if kernel is None else kernel(*args, **params)
            if result is NotImplemented:
                result = f.function(*args, **params)
            results = result if op.variadic or len(f.inputs) > 1 else (result,)
            if len(results) != len(positions):
                names = ", ".join(f.inputs)
                raise ValueError(f"{op.name}'s formula for {names} returned {len(results)} gradients, expected {len(positions)}")
            steps += [(i, _returning(r), (), ()) for i, r in zip(positions, results, strict=True) if parents[i] is not None]
        return steps

    def lift_saved(self, node: Node, saved: tuple[Any, ...], lift: Callable[[Array, Node | None], Any]) -> tuple[Any, ...]:
        """Return the saved arrays as Tensors of the graph they came from, so that formulas can be differentiated."""
        n = len(self.op.inputs)

        def lifted(k: int, value: Any) -> Any:
            if k < n and self.op.variadic:
                return tuple([lift(v, p) if is_array(v) else v for v, p in zip(value, node.parents, strict=True)])
            if not is_array(value):
                return value
            if k < n:
                return lift(value, node.parents[k])
            return lift(value, node if len(self.op.outputs) == 1 else Output(node, k - n))

        return tuple([lifted(k, value) for k, value in zip(self.keep, saved, strict=True)])

    def name_of(self, k: int) -> str:
        """Name of the saved value number ``k``."""
        names = (*self.op.inputs, *self.op.outputs, *(f"{name}_shape" for name in self.op.inputs))
        return names[k]


def _picker(keep: tuple[int, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that takes the values to keep out of a tuple."""
    return itemgetter(*keep) if len(keep) > 1 else lambda values: tuple([values[k] for k in keep])


def _zero_cotangent(node: Node, k: int, cotangents: list[Any], lift: Any) -> Any:
    """Return a zero cotangent for an output that nothing depends on."""
    some = next(c for c in cotangents if c is not None)
    zeros = namespace(array_of(some)).zeros(node.shape[k], dtype=node.dtype[k])
    return zeros if lift is None else lift(zeros, None)


def _returning(value: Any) -> Callable[[Any], Any]:
    return lambda g: value
