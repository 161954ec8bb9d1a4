"""Ways into a tensor and out of it: Python numbers, NumPy, DLPack, copies, display.  (Not needed to understand minigrad.)

`as_array` turns whatever a user has into an array; `Interop` holds the methods by which other libraries take a Tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, cast

import numpy as np

from minigrad.backends import Array, is_array
from minigrad.core.device import to_host

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from minigrad.core._methods import Methods  # what minigrad/ops/__init__.py binds to Tensor, in one table
    from minigrad.core.tensor import Tensor
else:
    Methods = object

DEFAULT_DTYPE = np.dtype(np.float32)  #: of tensors made from Python floats; arrays keep their dtype
DEFAULTS: dict[str, np.dtype[Any]] = {"f": DEFAULT_DTYPE, "i": np.dtype(np.int64)}  #: by kind; NumPy's own integers are int32 on 32 bits


class Interop(Methods):
    """What makes a Tensor a good neighbour."""

    __slots__ = ()

    if TYPE_CHECKING:
        data: Array
        node: Any
        label: str | None
        shape: Any
        size: Any
        dtype: Any
        device: Any
        is_leaf: Any
        requires_grad: Any
        grad: Any
        requires_grad_: Callable[..., Any]

        # What minigrad/__init__.py opens from above.
        def explore(self, path: str | Path, *, source: bool = True) -> Path: ...
        def __array_namespace__(self, *, api_version: str | None = None) -> ModuleType: ...

    @property
    def name(self) -> str | None:
        """What the tensor is called where it is shown: in its repr, in errors, in a trace. None unless it was given a name."""
        return getattr(self, "label", None)

    @name.setter
    def name(self, name: str | None) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"the name of a tensor is a string, not a {type(name).__name__}")
        self.label = name  # a slot of Tensor
        if self.node is not None:
            self.node.label = name

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the values as a NumPy array (shared on the CPU). Refused while the tensor requires a gradient."""
        if self.node is not None:
            raise RuntimeError("numpy() on a tensor that requires a gradient would lose its history; use detach().numpy()")
        return to_host(self.data)

    def item(self) -> Any:
        """Return the value of a tensor with one element as a Python number."""
        if self.size != 1:
            raise ValueError(f"item() needs a tensor with one element; this one has shape {self.shape}")
        return to_host(self.data).item()

    def tolist(self) -> Any:
        """Return the values as nested Python lists."""
        return to_host(self.data).tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"only an integer tensor can be an index; this one is {self.dtype}")
        return int(self.item())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth of a tensor of shape {self.shape} is ambiguous; use .any() or .all()")
        return bool(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if self.device.kind != "cpu":
            raise TypeError("NumPy asked for a tensor on a GPU; copy it to the host with .to('cpu') first")
        if self.node is not None:
            raise RuntimeError(
                "NumPy was given a tensor that requires a gradient, and its result would have lost the history: use minigrad's "
                "functions, or x.detach() where no gradient is wanted"
            )
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        if self.node is not None:
            raise BufferError("a tensor that requires a gradient cannot be exported; use detach() first")
        data = self.data
        # PyTorch aborts the process on negative strides, and would write to read-only memory
        if any(stride < 0 for stride in data.strides) or not getattr(data.flags, "writeable", True):
            data = data.copy()
        return data.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.data.__dlpack_device__()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if not self.is_leaf:
            raise RuntimeError("deepcopy of a computed tensor would copy its graph; use detach() first")
        new = type(self).__new__(type(self))
        new.data, new.node, new.name = self.data.copy(), None, self.name
        new.requires_grad_(self.requires_grad)
        memo[id(self)] = new
        if new.node is not None and self.grad is not None:
            new.grad = self.grad.detach().copy()
        return new

    def __copy__(self) -> Any:
        new = type(self).__new__(type(self))
        new.data, new.node, new.name = self.data, self.node, self.name
        return new

    def __reduce__(self) -> Any:
        raise TypeError("tensors are not pickled; save them with minigrad.save, which writes safetensors")

    def __repr__(self) -> str:
        from minigrad.core._display import text

        return text(cast("Tensor", self))

    def _repr_html_(self) -> str:
        from minigrad.core._display import html

        return html(cast("Tensor", self))


def as_array(data: Any, dtype: Any = None) -> Array:
    """Return ``data`` as an array: arrays and Tensors as they are, Python numbers and lists with ``dtype``, or the default dtypes."""
    if isinstance(data, Interop):
        return data.data
    if is_array(data) or isinstance(data, np.ndarray):
        if data.dtype.kind not in "biufc" or type(data).__name__ == "MaskedArray":
            _refuse(data)
        return np.asarray(data) if isinstance(data, np.generic) or not is_array(data) else data  # not a subclass
    if isinstance(data, (list, tuple)) and any(isinstance(x, Interop) for x in data):
        raise TypeError("a list of tensors is not a tensor; join them with mg.stack or mg.concat")
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"cannot make a tensor: {error}") from None
    if array.dtype.kind not in "biufc":
        _refuse(data, array.dtype)
    if dtype is not None:
        return np.asarray(data, dtype=dtype)
    if not _has_dtype(data):
        array = array.astype(DEFAULTS.get(array.dtype.kind, array.dtype), copy=False)
    return array


def _refuse(data: Any, dtype: Any = None) -> NoReturn:
    """Say why there can be no tensor of what was given."""
    if type(data).__name__ == "MaskedArray":
        raise TypeError("a tensor has no masked elements: fill them first, data.filled(0), and keep the mask beside it")
    raise TypeError(f"cannot make a tensor of {type(data).__name__}: its elements are {dtype or data.dtype}, not numbers")


def _has_dtype(data: Any) -> bool:
    """Tell whether nested lists hold anything but Python's numbers: NumPy's, a buffer, an array of another library, whose dtype is kept."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return is_array(data) or not isinstance(data, (int, float, complex, list, tuple, range))
