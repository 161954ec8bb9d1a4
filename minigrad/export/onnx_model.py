"""`export_onnx`: from two traces of a model to a file."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.backends import is_array
from minigrad.core.device import to_host
from minigrad.core.tensor import array_of
from minigrad.explore.records import Entry, Ref
from minigrad.export.graph import IR_VERSION, LEARNED, OPSET, ExportError, Graph, Value, onnx_type
from minigrad.export.table import NODES, WITHOUT
from minigrad.export.tracing import SIZES, Trace, batch_of, following, layer_of, shape_following, trace
from minigrad.nn.module import Module
from minigrad.writing import write_atomically

BATCH = "N"  #: what the batch size is called in the file


def export_onnx(model: Module, path: str | Path, example: Any, *, batch_axis: int | Sequence[int] | None = 0) -> None:
    """Write a model as an ONNX file (opset 18, IR version 8), as it answers in evaluation mode.

    The model runs on two batches made of the example's values, of 2 and 3 items, and what it computes is written down op by op: a
    choice that Python makes (``if``, a loop) is fixed as it was made then. Parameters keep their names. The model is left as
    it was. Needs the extra ``onnx``.

    Parameters
    ----------
    model
        A module that takes Tensors and returns one, or a tuple, list or dict of them.
    path
        The file.
    example
        What the model takes: a Tensor or an array of the right type and shape, or a tuple of them. The size of its batch is not
        kept.
    batch_axis
        Which axis of the inputs is the batch, or one for each input; the file takes every size there. None: the sizes of the example,
        and no others.

    Raises
    ------
    ImportError
        If onnx is not installed.
    ExportError
        If an op has no counterpart (`docs/onnx.md` lists them), a number depends on the input or on the batch in another way than in
        proportion to its size, or the example is no array. The text names op and layer.
    CheckpointError
        If the file cannot be written. What was there before is unchanged.
    """
    write_atomically(path, onnx_bytes(model, example, batch_axis=batch_axis))


def onnx_bytes(model: Module, example: Any, *, batch_axis: int | Sequence[int] | None = 0) -> bytes:
    """Return what `export_onnx` writes."""
    try:
        import onnx
    except ImportError:
        raise ImportError("export_onnx needs the package onnx: pip install 'minigrad-checked[onnx]'") from None
    if not isinstance(model, Module):
        raise TypeError(f"export_onnx: model must be a Module, not {type(model).__name__}")
    arrays = _examples(example)
    axes = [batch_axis] * len(arrays) if batch_axis is None or isinstance(batch_axis, int) else list(batch_axis)
    if len(axes) != len(arrays):
        raise ExportError(f"batch_axis names {len(axes)} axes, and the example has {len(arrays)} arrays")
    for k, (array, axis) in enumerate(zip(arrays, axes, strict=True)):
        if axis is not None and not -array.ndim <= axis < array.ndim:
            raise ExportError(f"input {k} of the example has shape {array.shape}, and so no batch axis {axis}; see batch_axis")
    batches = [[a if axis is None else batch_of(a, axis, n, k) for a, axis in zip(arrays, axes, strict=True)] for k, n in enumerate(SIZES)]
    traces = trace(model, batches[0], SIZES[0]), trace(model, batches[1], SIZES[1])
    built = Builder(model, traces).build()
    onnx.checker.check_model(built, full_check=True)
    return built.SerializeToString()


def _examples(example: Any) -> list[np.ndarray[Any, Any]]:
    given = list(example) if isinstance(example, (tuple, list)) else [example]
    arrays = [array_of(x) for x in given]
    for k, array in enumerate(arrays):
        if not is_array(array):
            raise TypeError(f"export_onnx: input {k} of the example is a {type(given[k]).__name__}; expected a Tensor or an array")
    return [np.array(to_host(array)) for array in arrays]


class Builder:
    """Turns two traces of a model into one graph."""

    def __init__(self, model: Module, traces: tuple[Trace, Trace]) -> None:
        self.model, (self.first, self.second) = model, traces
        self.sizes = SIZES
        self.graph = Graph()
        self.values: dict[Ref, Value] = {}
        self.names = {id(t.data): name for name, t in [*model.named_parameters(), *model.named_buffers()]}
        self.parameters = {id(p.data) for p in model.parameters()}
        self.learned: list[str] = []  #: names of the parameters in the file
        self.inputs: list[Value] = []

    def build(self) -> Any:
        """Return the model as ONNX's object."""
        from onnx import helper

        entries = self._entries()
        self._add_inputs()
        for a, b in entries:
            try:
                self._add(a, b)
            except ExportError as error:
                op = a.op.name if a.op is not None else ""
                raise ExportError(f"export_onnx: the op {op}, {layer_of(a, self.first.recorder)}, cannot be exported: {error}") from None
        outputs = self._outputs()
        graph = helper.make_graph(
            self._needed(outputs),
            type(self.model).__name__,
            [self._described(v) for v in self.inputs],
            [self._described(v) for v in outputs],
            [],
        )
        read = {name for node in graph.node for name in node.input}
        from onnx import numpy_helper

        graph.initializer.extend([numpy_helper.from_array(a, name) for name, a in self.graph.initializers.items() if name in read])
        from minigrad import __version__

        opsets = [helper.make_opsetid("", OPSET)]
        versions = {"opset_imports": opsets, "ir_version": IR_VERSION, "producer_name": "minigrad", "producer_version": __version__}
        made = helper.make_model(graph, **versions)
        helper.set_model_props(made, {LEARNED: json.dumps([name for name in self.learned if name in read])})
        return made

    # ------------------------------------------------------------------------------------------------------- inputs

    def _add_inputs(self) -> None:
        parameters = [p.name for p in inspect.signature(self.model.forward).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        for k, (a, b) in enumerate(zip(self.first.inputs, self.second.inputs, strict=True)):
            name = self.graph.fresh(parameters[k] if k < len(parameters) else f"input_{k}")
            self.inputs.append(Value(self.graph, name, a.dtype, shape_following(a.shape, b.shape, self.sizes)))
        for value in self.inputs:
            for axis, n in enumerate(value.shape):
                if getattr(n, "per_item", 0) and self.graph.batch is None:
                    self.graph.batch = lambda value=value, axis=axis: self.graph.Shape(value, start=axis, end=axis + 1)

    def _input_at(self, array: Any) -> int | None:
        return next((k for k, a in enumerate(self.first.inputs) if a is array), None)

    # ---------------------------------------------------------------------------------------------------------- ops

    def _entries(self) -> list[tuple[Entry, Entry]]:
        """Return the ops that the outputs depend on, in both traces."""
        both = self.first.recorder.entries, self.second.recorder.entries
        if [(e.kind, e.op) for e in both[0]] != [(e.kind, e.op) for e in both[1]]:
            raise ExportError(
                f"export_onnx: the model applies other ops to a batch of {self.sizes[0]} than to one of {self.sizes[1]}; "
                "with batch_axis=None it is exported for one size"
            )
        needed: set[int] = set()
        waiting = [ref.node for ref in map(self.first.recorder.ref_of, self.first.outputs) if ref is not None]
        while waiting:
            node = waiting.pop()
            if node not in needed:
                needed.add(node)
                waiting += [r.node for r in both[0][node].inputs if isinstance(r, Ref)]
        return [(a, b) for a, b in zip(*both, strict=True) if a.kind == "op" and a.id in needed]

    def _add(self, a: Entry, b: Entry) -> None:
        """Add the nodes of one op."""
        assert a.op is not None
        assert self.first.recorder.arguments is not None
        assert self.second.recorder.arguments is not None
        key = a.op.name if a.op.__module__.startswith("minigrad.") else f"{a.op.__module__}.{a.op.name}"
        if key not in NODES:
            raise ExportError(WITHOUT.get(key, "it is not one of minigrad's own ops; write it with those"))
        args, params = self.first.recorder.arguments[a.id]
        other_args, other_params = self.second.recorder.arguments[b.id]
        path = a.module.partition(".")[2] if a.module else ""
        self.graph.where = f"{path}/" if path else ""
        inputs = [self._value(r, s, x, y) for r, s, x, y in zip(a.inputs, b.inputs, args, other_args, strict=True)]
        settings = {**a.op.params, **params}
        others = {**b.op.params, **other_params} if b.op is not None else {}
        same = {name: following(value, others[name], self.sizes) for name, value in settings.items()}
        made = NODES[key](self.graph, *self._as_values(inputs), **same)
        for k, (value, x, y) in enumerate(zip(made if isinstance(made, tuple) else (made,), a.values, b.values, strict=True)):
            assert x is not None
            assert y is not None
            value.shape = shape_following(x.shape, y.shape, self.sizes)
            value = value if value.name is None else self.graph.cast(value, np.dtype(x.dtype))
            self.values[Ref(a.id, k)] = value

    def _as_values(self, inputs: list[Any]) -> list[Any]:
        """Where no input is a value, such as in ``where(mask, 0, 1)`` of constants, make the numbers constants."""
        return inputs if any(isinstance(x, Value) for x in inputs) else [self.graph.constant(x, np.float32) for x in inputs]

    def _value(self, ref: Any, other: Any, x: Any, y: Any) -> Any:
        """Return an argument of an op: a value, a number or None."""
        if not isinstance(ref, Ref):
            return following(x, y, self.sizes) if x is not None else None
        if ref not in self.values:
            place = self._input_at(x)
            if ref != other:
                raise ExportError("its arguments come from elsewhere in another batch")
            self.values[ref] = self.inputs[place] if place is not None else self._constant(to_host(x), to_host(y), x)
        return self.values[ref]

    def _constant(self, a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], array: Any) -> Value:
        """Return a constant; one that has a copy for each item of the batch, as initial states have, is spread out in the graph."""
        shape = shape_following(a.shape, b.shape, self.sizes)
        axes = [i for i, n in enumerate(shape) if getattr(n, "per_item", 0)]
        for axis in axes:
            a, b = a.take([0], axis), b.take([0], axis)
        if not np.array_equal(a, b, equal_nan=a.dtype.kind == "f") or (axes and not self._uniform(array, a)):
            raise ExportError("a value in it was computed from the input, but not by an op (with NumPy, or by a silent cast of integers)")
        made = self.graph.constant(a, a.dtype, self.names.get(id(array), ""))
        self.learned += [made.used] * (id(array) in self.parameters)
        if not axes:
            return made
        spread: Value = self.graph.Expand(made, self.graph.sizes(shape))
        spread.shape = shape
        return spread

    @staticmethod
    def _uniform(array: Any, slice_: np.ndarray[Any, Any]) -> bool:
        return bool((to_host(array) == slice_).all())

    # ------------------------------------------------------------------------------------------------------ outputs

    def _outputs(self) -> list[Value]:
        """Give what the model returns names of its own."""
        self.graph.where = ""
        found = []
        several = len(self.first.outputs) > 1
        if len(self.first.outputs) != len(self.second.outputs) or not self.first.outputs:
            raise ExportError("export_onnx: the model returns no Tensor, or another number of them in another batch")
        for k, (tensor, other) in enumerate(zip(self.first.outputs, self.second.outputs, strict=True)):
            ref = self.first.recorder.ref_of(tensor)
            place = self._input_at(tensor.data)
            if ref is not None and ref in self.values:
                value = self.values[ref]
            elif place is not None:
                value = self.inputs[place]
            else:
                value = self._constant(to_host(tensor.data), to_host(other.data), tensor.data)
            name = self.graph.fresh(f"output_{k}" if several else "output")
            named: Value = self.graph.Identity(value)
            self.graph.nodes[-1].output[0] = name
            found.append(Value(self.graph, name, named.dtype, shape_following(tensor.shape, other.shape, self.sizes)))
        return found

    def _needed(self, outputs: list[Value]) -> list[Any]:
        """Return the nodes that the outputs depend on."""
        wanted = {v.used for v in outputs}
        kept = []
        for node in reversed(self.graph.nodes):
            if wanted.intersection(node.output):
                wanted.update(node.input)
                kept.append(node)
        return kept[::-1]

    def _described(self, value: Value) -> Any:
        from onnx import helper

        def length(n: int) -> int | str:
            per_item = getattr(n, "per_item", 0)
            return int(n) if not per_item else BATCH if per_item == 1 else f"{per_item}{BATCH}"

        return helper.make_tensor_value_info(value.used, onnx_type(value.dtype), [length(n) for n in value.shape])
