"""Reading an ONNX file without trusting it: what is damaged, or has no counterpart here, is an `OnnxImportError` of one sentence.

A file is looked at as a whole before anything is made of it: its size, the arrays in it and beside it, the order of its nodes, each
node's operator, attributes and inputs.
"""

from __future__ import annotations

import inspect
import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

import numpy as np

from minigrad.data.files import DataError, read_bytes
from minigrad.export.graph import LEARNED
from minigrad.export.operators.elementwise import TYPES, numpy_type
from minigrad.export.operators.table import OPERATORS, OUTPUTS
from minigrad.export.operators.values import OnnxImportError

LIMIT = 2**31 - 1  #: bytes of a file, and of what lies beside it; protobuf reads no more
OPSETS = range(13, 29)  #: whose operators mean what the table says
STANDARD = ("", "ai.onnx")
KINDS = {"b": "truth", "i": "integer", "u": "integer", "f": "real", "c": "complex"}


class OnnxNode(NamedTuple):
    """One operator in the graph."""

    words: str  #: what errors call it
    op_type: str
    function: Any
    numbers: frozenset[int]  #: positions of the inputs that are given as plain numbers
    inputs: list[str]  #: names; "" for one that is left out
    outputs: list[str]
    settings: dict[str, Any]
    modal: bool  #: whether it is told the mode of the model


class Wanted(NamedTuple):
    """What the model is given."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | str, ...] | None

    def takes(self, value: Any) -> bool:
        """Whether a Tensor is of this kind of numbers, and has the lengths that are fixed."""
        lengths = value.shape if self.shape is None else self.shape
        fits = len(lengths) == value.ndim and all(n == m for n, m in zip(lengths, value.shape, strict=True) if isinstance(n, int))
        return fits and KINDS[value.dtype.kind] == KINDS[self.dtype.kind]

    def __str__(self) -> str:
        shape = "" if self.shape is None else f" of shape ({', '.join(map(str, self.shape))}{',' * (len(self.shape) == 1)})"
        return f"{self.name}: {self.dtype}{shape}"


class File(NamedTuple):
    """A file that was found to be good."""

    nodes: list[OnnxNode]
    arrays: dict[str, np.ndarray[Any, Any]]
    inputs: list[Wanted]
    outputs: list[str]
    learned: frozenset[str] | None  #: what is learned, where the file says it


def read(path: str | Path) -> File:
    """Return what an ONNX file holds."""
    model = parsed(path)
    graph = model.graph
    if graph.sparse_initializer or model.functions:
        raise OnnxImportError(f"{path} has {'functions of its own' if model.functions else 'sparse arrays'}, which are not read")
    try:
        arrays = {tensor.name: array_of(tensor, Path(path).parent) for tensor in graph.initializer}
        inputs = [described(value) for value in graph.input if value.name not in arrays]
        nodes = [node_of(node, k) for k, node in enumerate(graph.node)]
        check_names(nodes, [*arrays, *[value.name for value in inputs]], [value.name for value in graph.output])
        checked(model)
        return File(nodes, arrays, inputs, [value.name for value in graph.output], learned_names(model))
    except OnnxImportError as error:
        raise OnnxImportError(" ".join(f"{path}: {error}".splitlines())) from None


def parsed(path: str | Path) -> Any:
    """Return the file as ONNX's object."""
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise ImportError("import_onnx needs the package onnx: pip install 'minigrad-checked[onnx]'") from None
    if os.path.exists(path) and not os.path.isfile(path):
        raise OnnxImportError(f"{os.fspath(path)!r} is not a file")
    try:
        model = onnx.ModelProto.FromString(bytes(read_bytes(path, LIMIT)))
    except DataError as error:
        raise OnnxImportError(str(error)) from None
    except (DecodeError, ValueError, RecursionError):
        raise OnnxImportError(f"{path} is not an ONNX file, or it is damaged") from None
    versions = [entry.version for entry in model.opset_import if entry.domain in STANDARD]
    if not versions or not model.HasField("graph"):
        raise OnnxImportError(f"{path} is not an ONNX file, or it is damaged: it has no graph of ONNX's operators")
    if versions[0] not in OPSETS:
        raise OnnxImportError(f"{path} has opset {versions[0]}; from {OPSETS[0]} to {OPSETS[-1]} are read (onnx.version_converter)")
    return model


def checked(model: Any) -> None:
    """Let onnx compare each node with its schema; arrays, which were looked at already, are left out."""
    import onnx

    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    for tensor in bare.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            count = math.prod(tensor.dims) * numpy_type(tensor.data_type)().itemsize
            tensor.CopyFrom(onnx.TensorProto(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type, raw_data=bytes(count)))
    try:
        onnx.checker.check_model(bare)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        raise OnnxImportError(f"it is no valid model: {str(error).strip().splitlines()[0]}") from None


# --------------------------------------------------------------------------------------------------------- arrays


def array_of(tensor: Any, folder: Path) -> np.ndarray[Any, Any]:
    """Return an array of the file, or one that lies in a file beside it."""
    from onnx import TensorProto, numpy_helper

    name, dims = tensor.name or "a constant", list(tensor.dims)
    if tensor.data_type not in TYPES:
        kind = TensorProto.DataType.Name(tensor.data_type) if tensor.data_type in TensorProto.DataType.values() else tensor.data_type
        raise OnnxImportError(f"the array {name!r} is {kind}, for which NumPy has no type; save it as FLOAT")
    dtype = np.dtype(numpy_type(tensor.data_type)).newbyteorder("<")
    if any(n < 0 for n in dims):
        raise OnnxImportError(f"the array {name!r} has the shape {tuple(dims)}")
    expected = math.prod(dims) * dtype.itemsize
    external = tensor.data_location == TensorProto.EXTERNAL
    if external or tensor.HasField("raw_data"):
        content = external_data(tensor, folder, expected) if external else tensor.raw_data
        if len(content) != expected:
            raise OnnxImportError(f"the array {name!r} of shape {tuple(dims)} takes {expected} bytes, and there are {len(content)}")
        return np.frombuffer(content, dtype).reshape(dims).astype(dtype.newbyteorder("="))
    try:
        return np.array(numpy_helper.to_array(tensor)).reshape(dims)
    except (ValueError, TypeError, OverflowError):
        raise OnnxImportError(f"the array {name!r} of shape {tuple(dims)} has another number of elements") from None


def external_data(tensor: Any, folder: Path, expected: int) -> bytes:
    """Return the bytes of an array that lies in a file in the model's folder, and nowhere else."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    if not all(isinstance(text, str) for text in (*entries, *entries.values())):  # bytes, where it is no UTF-8
        raise OnnxImportError(f"the array {tensor.name!r} lies in a file whose name or place is no text")
    place = entries.get("location", "")
    where = f"the array {tensor.name!r} lies in {place!r}"
    path = Path(os.path.realpath(folder / place)) if "\0" not in place else folder
    if not place or Path(place).is_absolute() or PureWindowsPath(place).drive or not path.is_relative_to(os.path.realpath(folder)):
        raise OnnxImportError(f"{where}, which is not in the folder of the model")
    if not path.is_file():
        raise OnnxImportError(f"{where}, and there is no such file")
    try:
        start, length = (int(entries.get(key, usual)) for key, usual in (("offset", 0), ("length", expected)))
    except ValueError:
        raise OnnxImportError(f"{where}, at a place that is no number") from None
    if length != expected or start < 0 or start + length > path.stat().st_size:
        raise OnnxImportError(f"{where} from byte {start}, where there are not the {expected} bytes that its shape takes")
    with open(path, "rb") as file:
        file.seek(start)
        return file.read(length)


def described(value: Any) -> Wanted:
    """Return what the file says of an input."""
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type"):
        raise OnnxImportError(f"the input {value.name!r} is no tensor")
    shape = tuple([d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in tensor.shape.dim])
    return Wanted(value.name, np.dtype(numpy_type(tensor.elem_type)), shape if tensor.HasField("shape") else None)


def learned_names(model: Any) -> frozenset[str] | None:
    """Return the names of what is learned, where the file says it."""
    found = [entry.value for entry in model.metadata_props if entry.key == LEARNED]
    if not found:
        return None
    try:
        names = json.loads(found[0])
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise OnnxImportError(f"its metadata {LEARNED} is no list of names")
    return frozenset(names)


# ---------------------------------------------------------------------------------------------------------- nodes


def node_of(node: Any, place: int) -> OnnxNode:
    """Return a node with its function, after comparing attributes and inputs with the function's signature."""
    kind = node.op_type if node.domain in STANDARD else f"{node.domain}.{node.op_type}"
    if kind not in OPERATORS:
        has = ", ".join(sorted(OPERATORS))
        raise OnnxImportError(f"node {node.name or place!r}: the operator {kind!r} has no counterpart; those that have: {has}")
    words = f"node {node.name or place!r} ({kind})"
    function = OPERATORS[node.op_type]
    signature = inspect.signature(function)
    settings = dict(attributes(node, words))
    if "outputs" in signature.parameters:
        settings["outputs"] = len(node.output)
    modal = "training" in signature.parameters
    try:
        if len(settings) != len(node.attribute) + ("outputs" in signature.parameters):
            raise TypeError("an attribute occurs twice")
        signature.bind(*[name or None for name in node.input], **settings, **({"training": False} if modal else {}))
    except TypeError as error:
        raise OnnxImportError(f"{words}: {error}; it takes {plain(signature)}") from None
    given = [p for p in signature.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    numbers = frozenset(k for k, p in enumerate(given) if str(p.annotation).startswith("Numbers"))
    return OnnxNode(words, kind, function, numbers, list(node.input), list(node.output), settings, modal)


def plain(signature: inspect.Signature) -> inspect.Signature:
    """Return a signature without types and without what is not ONNX's."""
    named = [p.replace(annotation=p.empty) for p in signature.parameters.values() if p.name not in ("training", "outputs")]
    return signature.replace(parameters=named, return_annotation=signature.empty)


def attributes(node: Any, words: str) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of a node as plain values."""
    from onnx import AttributeProto, helper

    for attribute in node.attribute:
        if attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) or attribute.ref_attr_name:
            raise OnnxImportError(f"{words}: its attribute {attribute.name} is a graph or a reference, which are not read")
        try:
            value = helper.get_attribute_value(attribute)
            value = array_of(value, Path()) if attribute.type == AttributeProto.TENSOR else value
            yield attribute.name, as_text(value)
        except OnnxImportError as error:
            raise OnnxImportError(f"{words}: {error}") from None
        except (ValueError, TypeError):
            raise OnnxImportError(f"{words}: its attribute {attribute.name} cannot be read") from None


def as_text(value: Any) -> Any:
    """Return bytes as text, and lists as lists."""
    if isinstance(value, bytes):
        return value.decode()
    return value if isinstance(value, (np.ndarray, str, int, float)) else [as_text(v) for v in value]


def check_names(nodes: list[OnnxNode], given: list[str], outputs: list[str]) -> None:
    """Make sure that each value is given once, and before it is read: then there is no cycle."""
    repeated = [name for name, n in Counter(given).items() if n > 1]
    known = set(given)
    for node in nodes:
        for name in node.inputs:
            if name and name not in known:
                raise OnnxImportError(f"{node.words} reads {name!r}, which neither an input nor a node before it gives")
        made = [name for name in node.outputs if name]
        repeated += [name for name, n in Counter(made).items() if n > 1 or name in known]
        known.update(made)
    if repeated:
        raise OnnxImportError(f"{repeated[0]!r} is given twice")
    missing = [name for name in outputs if name not in known]
    if missing or not outputs:
        raise OnnxImportError(f"the output {missing[0]!r} is given by no node" if missing else "it has no output")
    read = {name for node in nodes for name in node.inputs} | set(outputs)
    for node in nodes:
        most = OUTPUTS.get(node.op_type, 1)
        beyond = [name for name in node.outputs[most:] if name in read] if most is not None else []
        if beyond:
            raise OnnxImportError(f"{node.words} is asked for its output {node.outputs.index(beyond[0])}, which minigrad does not compute")
