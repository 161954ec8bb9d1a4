"""A module as a pure function: its state is set before every call, and put back bit for bit after the check."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad import random
from minigrad.gradcheck.numerics.arguments import BadUse
from minigrad.gradcheck.numerics.problem import Problem


def is_module(f: Any) -> bool:
    """Tell whether ``f`` is an `nn.Module`, without importing nn for those who do not use it."""
    nn = sys.modules.get("minigrad.nn.module")
    return nn is not None and isinstance(f, nn.Module)


class Frozen:
    """A module whose parameters and buffers are float64 copies for the time of a check.

    Until `restore`, every call of the module starts from the same buffers, attributes and random state. A call after
    that (for a diagnosis, or a plot) freezes the module anew and puts it back.
    """

    def __init__(self, module: Any) -> None:
        self.module, self.restored = module, False
        self.random_state = random.get_state()
        self.attributes = [(m, dict(m.__dict__)) for m in module.modules()]
        self.parameters = dict(module.named_parameters())
        self.tensors = [*self.parameters.values(), *module.buffers()]
        self.kept = [(t, t.data, t.node, np.array(t.data)) for t in self.tensors]
        self.notes: list[str] = []
        narrow = sorted({str(t.dtype) for t in self.tensors if t.dtype.kind == "f" and t.dtype != np.float64})
        if narrow:
            self.notes.append(f"parameters and buffers were converted from {', '.join(narrow)} to float64 for the check")

    def problem(self, args: Sequence[Any], wrt: Sequence[int], names: Sequence[str]) -> Problem:
        """Return the module as a function of its arguments and its parameters."""
        wanted = {name: p for name, p in self.parameters.items() if p.requires_grad and p.dtype.kind == "f"}
        if not wanted and not wrt:
            raise BadUse("there is nothing to differentiate: neither an input of floating point nor a parameter that requires a gradient")
        n = len(args)
        start = [(t, array.astype(np.float64) if array.dtype.kind == "f" else array) for t, array, _, _ in self.kept]

        def call(*values: Any) -> Any:
            if not self.restored:
                return run(*values)
            now = Frozen(self.module)
            try:
                return run(*values)
            finally:
                now.restore()

        def run(*values: Any) -> Any:
            for module, attributes in self.attributes:
                module.__dict__.update(attributes)
            for tensor, array in start:
                tensor.data, tensor.node = array.copy(), None
            for parameter, value in zip(wanted.values(), values[n:], strict=True):
                parameter.data, parameter.node = value.data, value.node
            random.set_state(self.random_state)
            return self.module(*values[:n])

        arrays = {id(tensor): array for tensor, array in start}
        parameters = [arrays[id(parameter)] for parameter in wanted.values()]
        return Problem(call, [*args, *parameters], [*wrt, *range(n, n + len(parameters))], [*names, *wanted])

    def restore(self) -> None:
        """Put back parameters, buffers, gradients, attributes and random state."""
        self.restored = True
        for module, attributes in self.attributes:
            module.__dict__.clear()
            module.__dict__.update(attributes)
        for tensor, array, node, copy in self.kept:
            tensor.data, tensor.node = array, node
            if not np.array_equal(array, copy, equal_nan=array.dtype.kind == "f"):
                array[...] = copy
        random.set_state(self.random_state)
