"""`summary`: what every module of a model gives, holds and costs, as a table."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.autograd import no_grad
from minigrad.backends import is_array, owner
from minigrad.core._messages import shape_of
from minigrad.core.mode import Observer, changed_mode
from minigrad.core.tensor import Tensor, array_of, wrap
from minigrad.creation import zeros
from minigrad.nn.module import Module, Parameter


@dataclass
class Row:
    """One module: its own figures, without those of the modules below it."""

    name: str
    kind: str
    output: str = ""  #: shape of what it returned last
    output_bytes: int = 0
    parameters: int = 0
    parameter_bytes: int = 0  #: with buffers
    multiply_adds: int = 0


class Summary:
    """The rows, and their sums. ``print`` it, or hand it to rich."""

    def __init__(self, title: str, rows: list[Row]) -> None:
        self.title, self.rows = title, rows

    @property
    def parameters(self) -> int:
        """Number of parameters, each counted once."""
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """Number of multiplications with an addition, in matrix products, convolutions and recurrences."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def parameter_bytes(self) -> int:
        """Memory of parameters and buffers."""
        return sum(row.parameter_bytes for row in self.rows)

    @property
    def output_bytes(self) -> int:
        """Memory of what the modules return."""
        return sum(row.output_bytes for row in self.rows)

    def __rich__(self) -> Any:
        from rich.table import Table

        table = Table(title=self.title, show_footer=True)
        table.add_column("module", footer="total")
        table.add_column("output")
        table.add_column("output bytes", footer=f"{self.output_bytes:,}", justify="right")
        table.add_column("parameters", footer=f"{self.parameters:,}", justify="right")
        table.add_column("bytes", footer=f"{self.parameter_bytes:,}", justify="right")
        table.add_column("multiply-adds", footer=f"{self.multiply_adds:,}", justify="right")
        for row in self.rows:
            depth = row.name.count(".") + 1 if row.name else 0
            label = f"{'  ' * depth}{row.name.rpartition('.')[2]} {row.kind}".rstrip()
            figures = (row.output_bytes, row.parameters, row.parameter_bytes, row.multiply_adds)
            shown = [f"{n:,}" if n else "" for n in figures]
            table.add_row(label, row.output, *shown)
        return table

    def __str__(self) -> str:
        from rich.console import Console

        out = io.StringIO()
        Console(file=out, width=120).print(self)
        return out.getvalue().rstrip()

    __repr__ = __str__


class _Watch(Observer):
    """Fills the rows in while the model runs: multiply-adds from the ops, outputs from hooks on the modules."""

    def __init__(self, rows: dict[int, Row]) -> None:
        self.rows = rows
        self.running: list[Row] = []
        self.memory: list[Any] = []  #: of outputs so far, kept so that its identity stays unique

    def on_forward(self, op: Any, args: tuple[Any, ...], params: dict[str, Any], out: Any, node: Any) -> None:
        cost = COSTS.get(op.name)
        if cost is not None and self.running:
            first = out[0] if isinstance(out, tuple) else out
            self.running[-1].multiply_adds += cost(*[shape_of(a) for a in args], out=first.shape, **params)

    def enter(self, module: Module, args: tuple[Any, ...]) -> None:
        """Hook: the module begins."""
        self.running.append(self.rows[id(module)])

    def leave(self, module: Module, args: tuple[Any, ...], output: Any) -> None:
        """Hook: the module is done. Memory that it only hands on, as containers do, is not counted again."""
        row = self.running.pop()
        tensors = [t for t in _flat(output) if isinstance(t, Tensor)]
        row.output = ", ".join(str(t.shape) for t in tensors)
        for memory in [owner(t.data) for t in tensors]:
            if not any(memory is known for known in self.memory):
                self.memory.append(memory)
                row.output_bytes += memory.nbytes


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    return [part for item in value for part in _flat(item)] if isinstance(value, (tuple, list)) else [value]


def _recurrence(x: Any, *others: Any, out: Any, **params: Any) -> int:
    steps, n, width = x
    projection: int = math.prod(others[3]) if len(others) > 3 and others[3] else 0  # absent: the shape of a scalar
    return int(steps * n * (width * out[-1] + projection))


#: name of an op -> multiply-adds from the shapes of its inputs and of its (first) output
COSTS: dict[str, Callable[..., int]] = {
    "matmul": lambda a, b, *, out: math.prod(out) * a[-1],
    "linear": lambda x, weight, bias=(), *, out: math.prod(out) * x[-1],
    "convolution": lambda x, weight, bias=(), *, out, **params: math.prod(out) * math.prod(weight[1:]),
    "conv_transpose": lambda x, weight, bias=(), *, out, **params: math.prod(x) * math.prod(weight[1:]),
    "lstm": _recurrence,
    "gru": lambda x, *others, out: _recurrence(x, out=out),
    "rnn": lambda x, *others, out, **params: _recurrence(x, out=out),
}


def summary(model: Module, example: Any, *, dtype: Any = None) -> Summary:
    """Run a model once, in evaluation, and tell what every module gives, holds and costs.

    Parameters
    ----------
    model
        It is as before afterwards.
    example
        A tensor to run it on; or the shape of one, with the batch axis, for zeros. A list of these if the model takes several.
    dtype
        Of zeros: that of the first parameter by default. Token numbers want ``"int64"``.

    Raises
    ------
    TypeError
        If the example is neither a tensor nor a shape, nor a list of them.
    """
    inputs = _inputs(model, example, dtype)
    watch = _Watch({id(module): Row(name, type(module).__name__) for name, module in model.named_modules()})
    _count_parameters(model, watch.rows)
    before = [(module, module.training) for module in model.modules()]
    handles = [module.register_forward_pre_hook(watch.enter) for module in model.modules()]
    handles += [module.register_forward_hook(watch.leave) for module in model.modules()]
    watch.memory += [owner(x.data) for x in inputs]
    try:
        model.eval()
        with no_grad(), changed_mode(observers=(watch,)):
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in before:
            module.training = training
    title = f"{type(model).__name__} on {', '.join(str(x.shape) for x in inputs)}"
    return Summary(title, list(watch.rows.values()))


def _inputs(model: Module, example: Any, dtype: Any) -> list[Tensor]:
    """Return the tensors to run a model on: as they were given, or zeros of a shape that was."""
    first = next(model.parameters(), None)
    kind = dtype if dtype is not None or first is None else first.dtype
    several = isinstance(example, (list, tuple)) and bool(example) and not _is_shape(example)
    found = []
    for one in example if several else [example]:
        if _is_shape(one):
            found.append(zeros(tuple(one), dtype=kind, device=None if first is None else first.device))
        elif is_array(array_of(one)) and dtype is None:
            found.append(one if isinstance(one, Tensor) else wrap(one, None))
        else:
            what = f"a dtype beside a {type(one).__name__}, which has its own" if is_array(array_of(one)) else f"a {type(one).__name__}"
            raise TypeError(
                f"summary takes a tensor, or its shape with the batch axis, such as (1, 3, 32, 32), or a list of these, not {what}"
            )
    return found


def _is_shape(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and all(isinstance(n, (int, np.integer)) for n in value)


def _count_parameters(model: Module, rows: dict[int, Row]) -> None:
    """Count every parameter and buffer for the first module that has it."""
    counted: set[int] = set()
    for module in model.modules():
        row = rows[id(module)]
        for tensor in [*module.parameters(recurse=False), *module.buffers(recurse=False)]:
            if id(tensor) not in counted:
                counted.add(id(tensor))
                row.parameters += tensor.size if isinstance(tensor, Parameter) else 0
                row.parameter_bytes += tensor.data.nbytes
