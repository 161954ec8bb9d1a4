"""What is checked: a function of tensors as a function of float64 arrays, its pullback, and its derivative as a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.backends import Array, is_array, namespace
from minigrad.core import graph
from minigrad.core.device import to_host
from minigrad.core.mode import changed_mode
from minigrad.core.tensor import Tensor, wrap

Function = Callable[..., Any]


class Problem:
    """A function and the point at which its derivative is checked.

    Parameters
    ----------
    function
        Takes the arguments as Tensors (or as they are, where they are no arrays) and returns Tensors.
    args
        All arguments; arrays among them are on one device.
    wrt
        Positions of the arguments that the function is differentiated with respect to.
    names
        What the report calls each argument.
    """

    def __init__(self, function: Function, args: Sequence[Any], wrt: Sequence[int], names: Sequence[str]) -> None:
        self.function, self.args, self.wrt, self.names = function, list(args), tuple(wrt), tuple(names)

    @property
    def inputs(self) -> list[Array]:
        """The arrays that the function is differentiated with respect to."""
        return [self.args[i] for i in self.wrt]

    def outputs(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Apply the function with ``inputs`` in the place of the differentiated arguments; floating-point outputs only."""
        args = [wrap(a, None) if is_array(a) else a for a in self.args]
        for i, x in zip(self.wrt, inputs, strict=True):
            args[i] = x
        return [y for y in flatten(self.function(*args)) if y.dtype.kind in "fc"]

    def value(self, inputs: Sequence[Array]) -> np.ndarray[Any, Any]:
        """Return all outputs as one vector on the host."""
        outs = [to_host(y.data).ravel() for y in self.outputs([wrap(x, None) for x in inputs])]
        return np.concatenate(outs) if outs else np.zeros(0)

    def pullback(self, inputs: Sequence[Array]) -> tuple[list[Tensor], Callable[..., list[Any]]]:
        """Apply the function, recorded; return the outputs and the function from cotangents to gradients (None where none flows)."""
        xs = [_leaf(x) for x in inputs]
        outs = self.outputs(xs)
        return outs, lambda cotangents: pull(outs, xs, cotangents)

    def derivative(self, cotangents: Sequence[Array]) -> Problem:
        """Return the first-order map, (inputs, cotangents) -> gradients, as a problem of its own."""
        n = len(self.wrt)

        def gradients(*tensors: Any) -> list[Tensor]:
            recorded = any(t.node is not None for t in tensors)
            xs = [x if x.node is not None else _leaf(x.data) for x in tensors[:n]]
            found = pull(self.outputs(xs), xs, tensors[n:], create_graph=recorded)
            return [wrap(namespace(x.data).zeros_like(x.data), None) if g is None else g for g, x in zip(found, xs, strict=True)]

        names = [self.names[i] for i in self.wrt] + [f"cotangent {k}" for k in range(len(cotangents))]
        return Problem(gradients, [*self.inputs, *cotangents], range(n + len(cotangents)), names)


def pull(outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Any], *, create_graph: bool = False) -> list[Any]:
    """Return the gradient Tensor of sum <cotangent, output> for each input; None where the outputs do not depend on it.

    A cotangent of None is left out of the sum.
    """
    start: dict[graph.Node, Any] = {}
    for y, v in zip(outputs, cotangents, strict=True):
        if v is not None and y.node is not None:
            v = v if isinstance(v, Tensor) else wrap(v, None)
            start[y.node] = v if y.node not in start else start[y.node] + v
    if not create_graph:
        start = {node: v.data for node, v in start.items()}
    nodes = [x.node for x in inputs if x.node is not None]
    with changed_mode(recording=create_graph):
        found = graph.walk(start, set(nodes), lift=wrap if create_graph else None, free=False)
    grads = [found.get(x.node) if x.node is not None else None for x in inputs]
    return [g if g is None or isinstance(g, Tensor) else wrap(g, None) for g in grads]


def flatten(result: Any) -> list[Tensor]:
    """Return the Tensors in what a function returned: one, or tuples, lists and dicts of them."""
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (tuple, list)):
        return [y for part in result for y in flatten(part)]
    if result is None or isinstance(result, (bool, int, float)):
        return []
    raise TypeError(f"the function must return Tensors (or tuples, lists, dicts of them); it returned {type(result).__name__}")


def _leaf(x: Array) -> Tensor:
    return wrap(x, graph.leaf(x.shape, x.dtype))
