"""A training run for TensorBoard: its numbers, the distributions of its weights, and the graph of its model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from minigrad.core.device import as_device, move, to_host
from minigrad.core.tensor import Tensor, array_of
from minigrad.explore.records import Entry, Ref
from minigrad.export.tracing import Trace, trace
from minigrad.nn.module import Module


class TensorBoard:
    """A callback for ``Trainer.fit(on_epoch=...)`` that writes what TensorBoard shows. Needs the extra ``tensorboard``.

    The numbers in each line of the history become scalars of the same names, at its epoch or step. With a model, its parameters and
    buffers of floating-point numbers become histograms, and with an example the graph of its ops is written::

        with mg.export.TensorBoard("run", model, example) as log:
            trainer.fit(loader, 10, validation, on_epoch=log)

    Parameters
    ----------
    folder
        Where the event file goes; ``tensorboard --logdir`` takes it.
    model
        Whose distributions are shown.
    example
        What the model takes, a Tensor, an array or a tuple of them: its ops on that are written once, grouped by layer.
    every
        Histograms after so many lines; scalars after each.

    Raises
    ------
    ImportError
        If tensorboardX is not installed.
    """

    def __init__(self, folder: str | Path, model: Module | None = None, example: Any = None, *, every: int = 1) -> None:
        if every < 1:
            raise ValueError(f"TensorBoard: every is {every}; expected a number of lines from 1 on")
        if example is not None and model is None:
            raise TypeError("TensorBoard: example is what the model takes; give the model, too")
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise ImportError("TensorBoard logs need tensorboardX; run: pip install tensorboardX (the extra tensorboard)") from None
        self.model, self.every, self.lines = model, every, 0
        graph = None if model is None or example is None else graph_of(model, example)
        self._writer = SummaryWriter(str(folder))
        if graph is not None:
            self._writer.file_writer.add_event(graph)

    def __call__(self, line: dict[str, Any]) -> None:
        """Write a line of the history."""
        at = line["epoch"] if "epoch" in line else line["step"]
        for name, value in line.items():
            number = to_host(value.data) if isinstance(value, Tensor) else np.asarray(value)
            if number.shape == () and number.dtype.kind in "biuf":  # a text or a list is no scalar
                self._writer.add_scalar(name, number.item(), at)
        if self.model is not None and self.lines % self.every == 0:
            self._histograms(self.model, at)
        self.lines += 1
        self._writer.flush()

    def _histograms(self, model: Module, at: int) -> None:
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            values = finite_of(tensor) if tensor.dtype.kind == "f" else np.empty(0)
            if values.size:
                self._writer.add_histogram(name.replace(".", "/"), values, at)

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None) -> None:
        self.close()


def finite_of(tensor: Tensor) -> np.ndarray[Any, Any]:
    """Return the finite elements as float64: a histogram has no place for others."""
    values = to_host(tensor.data).astype(np.float64).reshape(-1)
    return values[np.isfinite(values)]


# --------------------------------------------------------------------------------------------------------- the graph


def graph_of(model: Module, example: Any) -> Any:
    """Return the event that holds the graph of a model's ops: a node for each input, parameter, constant and op, named by its layer."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.graph_pb2 import GraphDef
    from tensorboardX.proto.node_def_pb2 import NodeDef
    from tensorboardX.proto.versions_pb2 import VersionDef

    device = next((p.device for p in model.parameters()), as_device("cpu"))
    inputs = [move(array_of(x), device) for x in (example if isinstance(example, (tuple, list)) else (example,))]
    traced = trace(model, inputs, len(inputs[0]))
    nodes = [NodeDef(**node, attr=attributes(entry)) for entry, node in described(model, traced)]
    return Event(graph_def=GraphDef(node=nodes, versions=VersionDef(producer=22)).SerializeToString())


def described(model: Module, traced: Trace) -> list[tuple[Entry, dict[str, Any]]]:
    """Return each entry of a trace with name, op and inputs of its node."""
    inputs = {traced.recorder.input_of(array, None).node: f"input_{k}" for k, array in enumerate(traced.inputs)}
    kinds = {name: "parameter" for name, _ in model.named_parameters()} | {name: "buffer" for name, _ in model.named_buffers()}
    names: dict[int, str] = {}
    fresh = fresh_names()
    found = []
    for entry in traced.recorder.entries:
        layer = (entry.module or "").partition(".")[2]
        word = inputs.get(entry.id) or (entry.op.name if entry.op is not None else (entry.name or entry.kind).rpartition(".")[2])
        path = ".".join(filter(None, [layer, word]))
        op = "input" if entry.id in inputs else entry.op.name if entry.op is not None else kinds.get(path, "constant")
        names[entry.id] = fresh(path.replace(".", "/"))
        read = [ref for ref in entry.inputs if isinstance(ref, Ref)]
        given = [names[ref.node] if not ref.output else f"{names[ref.node]}:{ref.output}" for ref in read]
        found.append((entry, {"name": names[entry.id], "op": op, "input": given}))
    return found


def fresh_names() -> Callable[[str], str]:
    """Return a function that makes a name one that it has not given yet."""
    given: dict[str, int] = {}

    def fresh(name: str) -> str:
        clean = "".join([c if c.isalnum() or c in "._/-" else "_" for c in name]) or "value"
        given[clean] = given.get(clean, 0) + 1
        return clean if given[clean] == 1 else fresh(f"{clean}_{given[clean]}")

    return fresh


def attributes(entry: Entry) -> dict[str, Any]:
    """Return the shapes of a node's outputs and the parameters of its op, as TensorBoard shows them."""
    from tensorboardX.proto.attr_value_pb2 import AttrValue
    from tensorboardX.proto.tensor_shape_pb2 import TensorShapeProto

    shapes = [TensorShapeProto(dim=[TensorShapeProto.Dim(size=n) for n in value.shape]) for value in entry.values if value is not None]
    texts = {name: AttrValue(s=text.encode()) for name, text in entry.params.items()}
    return {"_output_shapes": AttrValue(list=AttrValue.ListValue(shape=shapes)), **texts}
