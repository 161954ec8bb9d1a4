"""The ONNX graph while it is built: values, nodes, and the constants that they need.

A converter writes an op in ONNX's words with it: ``g.Relu(x)`` adds a node of that type and returns its output, and values
take part in arithmetic, so that ``x * g.Sigmoid(x)`` is three lines of ONNX.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

OPSET = 18  #: of ONNX's standard operators; the newest that every runtime of the last three years reads
IR_VERSION = 8  #: of the file format that came with that opset
LEARNED = "minigrad.parameters"  #: key of the metadata that names, as JSON, which arrays of a file the model learns


class ExportError(ValueError):
    """A model cannot be written as ONNX: the text names the op and the layer."""


class Size(int):
    """A number that is ``per_item`` for each item of a batch: a plain integer in a trace, computed anew in the graph."""

    per_item: int

    def __new__(cls, value: int, per_item: int) -> Size:
        """Make one that is ``value`` in the trace."""
        self = super().__new__(cls, value)
        self.per_item = per_item
        return self

    def __repr__(self) -> str:
        return "the batch size" if self.per_item == 1 else f"{self.per_item} times the batch size"


class Value:
    """A value of the graph.

    Parameters
    ----------
    graph
        The graph.
    name
        Its name there; None for what ONNX does not compute, and then ``missing`` says what that is.
    dtype
        Its type.
    shape
        Its shape in the trace, with a `Size` for each axis that follows the batch; None where no converter needs it.
    """

    def __init__(self, graph: Graph, name: str | None, dtype: Any, shape: tuple[int, ...] | None = None, missing: str = "") -> None:
        self.graph, self.name, self.dtype, self._shape, self.missing = graph, name, np.dtype(dtype), shape, missing
        self.last: Value | None = None  #: the last entry along the first axis, where that is all that ONNX computes

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape in the trace."""
        assert self._shape is not None, f"the shape of {self.name} was not traced"
        return self._shape

    @shape.setter
    def shape(self, shape: tuple[int, ...]) -> None:
        self._shape = shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def used(self) -> str:
        """The name, for a node that reads it."""
        if self.name is None:
            raise ExportError(f"ONNX computes no {self.missing}")
        return self.name

    def _binary(self, op_type: str, a: Any, b: Any) -> Value:
        return self.graph.node(op_type, *self.graph.alike(a, b))

    def __add__(self, other: Any) -> Value:
        return self._binary("Add", self, other)

    def __radd__(self, other: Any) -> Value:
        return self._binary("Add", other, self)

    def __sub__(self, other: Any) -> Value:
        return self._binary("Sub", self, other)

    def __rsub__(self, other: Any) -> Value:
        return self._binary("Sub", other, self)

    def __mul__(self, other: Any) -> Value:
        return self._binary("Mul", self, other)

    def __rmul__(self, other: Any) -> Value:
        return self._binary("Mul", other, self)

    def __truediv__(self, other: Any) -> Value:
        return self._binary("Div", self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return self._binary("Div", other, self)

    def __pow__(self, other: Any) -> Value:
        return self._binary("Pow", self, other)

    def __neg__(self) -> Value:
        return self.graph.node("Neg", self)

    def __lt__(self, other: Any) -> Value:
        return self._binary("Less", self, other)

    def __gt__(self, other: Any) -> Value:
        return self._binary("Greater", self, other)

    def __repr__(self) -> str:
        return f"<{self.name or self.missing}: {self.dtype}>"


#: types of nodes whose result has another type than their first input
RESULT_TYPES: dict[str, Any] = {
    **dict.fromkeys(("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "IsNaN", "IsInf"), bool),
    **dict.fromkeys(("Shape", "ArgMax", "ArgMin"), np.int64),
}


class Graph:
    """Nodes in the order of their computation, with names for what they compute."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.initializers: dict[str, np.ndarray[Any, Any]] = {}
        self.where = ""  #: what the names of new nodes begin with: the path of a layer
        self.batch: Callable[[], Value] | None = None  #: gives the batch size
        self.products: dict[str, tuple[Value, Value, Value | None]] = {}  #: of what ``linear`` computed: x, weight and bias
        self._constants: dict[Any, Value] = {}
        self._names: set[str] = set()

    # -------------------------------------------------------------------------------------------------------- names

    def fresh(self, name: str) -> str:
        """Return a name that nothing has, like the one that is asked for."""
        found, n = name, 2
        while found in self._names:
            found, n = f"{name}_{n}", n + 1
        self._names.add(found)
        return found

    # -------------------------------------------------------------------------------------------------------- nodes

    def __getattr__(self, op_type: str) -> Callable[..., Any]:
        """``g.Conv(x, w, strides=...)`` adds a node of the type Conv."""
        if not op_type[:1].isupper():
            raise AttributeError(op_type)
        return lambda *inputs, **settings: self.node(op_type, *inputs, **settings)

    def node(self, op_type: str, *inputs: Any, outputs: int = 1, dtype: Any = None, **attributes: Any) -> Any:
        """Add a node; return its output, or a tuple of them.

        Parameters
        ----------
        op_type
            Its type, as ONNX calls it.
        inputs
            Values; numbers and arrays, which become constants; None for an input that is left out.
        outputs
            How many outputs are named.
        dtype
            The type of the outputs, where it is neither that of the first value nor in `RESULT_TYPES`.
        attributes
            The node's attributes; those that are None are left out.
        """
        from onnx import helper

        first = next(x for x in inputs if isinstance(x, Value))
        values = [
            None if x is None else x if isinstance(x, Value) else self.constant(x, None if is_list(x) else first.dtype) for x in inputs
        ]
        names = [self.fresh(f"{self.where}{op_type}") for _ in range(outputs)]
        settings = {key: fixed(value, f"{key} of {op_type}") for key, value in attributes.items() if value is not None}
        while values[-1] is None:  # optional inputs at the end are not named at all
            values.pop()
        read = ["" if v is None else v.used for v in values]
        self.nodes.append(helper.make_node(op_type, read, names, name=names[0], **settings))
        kind = dtype or RESULT_TYPES.get(op_type, first.dtype)
        made = tuple([Value(self, name, kind) for name in names])
        return made[0] if outputs == 1 else made

    # ---------------------------------------------------------------------------------------------------- constants

    def constant(self, value: Any, dtype: Any = None, name: str = "") -> Value:
        """Return a constant: an array of ``dtype``, int64 for a list of integers."""
        array = np.asarray(fixed(value, "a constant"), np.int64 if dtype is None and is_list(value) else dtype)
        key = (array.tobytes(), array.dtype.str, array.shape) if array.size <= 64 and not name else None
        if key is None or key not in self._constants:
            made = Value(self, self.fresh(name or "constant"), array.dtype, array.shape)
            self.initializers[made.used] = array
            if key is None:
                return made
            self._constants[key] = made
        return self._constants[key]

    def sizes(self, numbers: Sequence[int]) -> Value:
        """Return a shape as a value: a constant, or where it follows the batch, computed from the batch size."""
        if not any(isinstance(n, Size) for n in numbers):
            return self.constant([int(n) for n in numbers], np.int64)
        return self.node("Concat", *[self.size(n) for n in numbers], axis=0) if len(numbers) > 1 else self.size(numbers[0])

    def size(self, number: int) -> Value:
        """Return a number as a value of shape (1,)."""
        if not isinstance(number, Size):
            return self.constant([int(number)], np.int64)
        assert self.batch is not None, "there is no batch axis, and so no size that follows it"
        return self.batch() if number.per_item == 1 else self.batch() * number.per_item

    def count(self, numbers: Sequence[int], dtype: Any) -> Any:
        """Return the product of some lengths: a number, or where one follows the batch, a value of shape (1,)."""
        following = [n for n in numbers if isinstance(n, Size)]
        rest = math.prod(int(n) for n in numbers if not isinstance(n, Size))
        if not following:
            return rest
        found = self.cast(self.size(following[0]), dtype) * rest
        for n in following[1:]:
            found = found * self.cast(self.size(n), dtype)
        return found

    # -------------------------------------------------------------------------------------------------------- types

    def cast(self, x: Any, dtype: Any) -> Value:
        """Return a value in another type; a number becomes a constant."""
        if not isinstance(x, Value):
            return self.constant(x, dtype)
        if x.dtype == np.dtype(dtype):
            return x
        made: Value = self.node("Cast", x, to=onnx_type(dtype), dtype=np.dtype(dtype))
        made._shape = x._shape
        return made

    def alike(self, *inputs: Any) -> list[Value]:
        """Return inputs in one type, that of their elementwise result; numbers take the type of the values beside them."""
        kinds = [x.dtype for x in inputs if isinstance(x, Value)]
        numbers = [x for x in inputs if not isinstance(x, Value)]
        found = np.result_type(*kinds, *numbers)
        if found.kind == "f" and not any(kind.kind == "f" for kind in kinds):
            found = np.dtype(np.float32)
        elif found.kind == "f":
            found = np.result_type(*[kind for kind in kinds if kind.kind == "f"])
        return [self.cast(x, found) for x in inputs]

    def floating(self, x: Value) -> Value:
        """Return integers and truth values as float32, the default."""
        return x if x.dtype.kind == "f" else self.cast(x, np.float32)


def is_list(value: Any) -> bool:
    """Whether something is a list or tuple, such as axes and sizes."""
    return isinstance(value, (list, tuple))


def onnx_type(dtype: Any) -> int:
    """Return ONNX's number for a type."""
    from onnx import helper

    try:
        return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
    except (KeyError, ValueError):
        raise ExportError(f"ONNX has no type for {np.dtype(dtype)}") from None


def fixed(value: Any, what: str) -> Any:
    """Return a setting that must not follow the batch, as plain numbers."""
    if isinstance(value, Size):
        raise ExportError(f"{what} is {value!r}, and ONNX needs a fixed number there; export with batch_axis=None for one batch size")
    return [fixed(item, what) for item in value] if is_list(value) else value
