"""Making tensors: from data, from other libraries, or filled with numbers.

Without a ``dtype``, Python floats become float32 and integers int64; arrays keep theirs. Without a ``device``, a tensor
is made on the default one (`minigrad.core.device.default_device`); data that is on a device already stays there.
"""

from __future__ import annotations

from typing import Any, Never

import numpy as np

from minigrad.backends import Array, is_array, kind_of, namespace, owner
from minigrad.core._dtypes import cast_exactly
from minigrad.core.device import Device, as_device, backend_of, default_device, device_of, move
from minigrad.core.tensor import DEFAULT_DTYPE, Tensor, array_of, as_array
from minigrad.random import one_shape

__all__ = [
    "arange", "as_tensor", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace", "ones", "ones_like",
    "tensor", "tri", "zeros", "zeros_like",
]  # fmt: skip

Place = str | Device | None
Shape = int | tuple[int, ...]

# ----------------------------------------------------------------------------------------------------------- from data


def tensor(data: Any, *, dtype: Any = None, device: Place = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """Make a tensor of a number, nested lists, an array or a Tensor; the values are copied, the history is not.

    Parameters
    ----------
    data
        The values.
    dtype
        Type of the elements, if it is to be another than that of the data.
    device
        Where to put them.
    requires_grad
        Whether gradients with respect to the tensor are wanted; only floating-point tensors can have one.
    name
        What to call it where it is shown: in its repr, in error messages, in a trace.
    """
    source = array_of(data)
    array = _placed(_converted(data, dtype), data, device)
    shared = is_array(source) and owner(array) is owner(source)
    made = Tensor(array.copy() if shared else array, requires_grad=requires_grad)
    if name is not None:
        made.name = name
    return made


def as_tensor(data: Any, *, dtype: Any = None, device: Place = None) -> Tensor:
    """Return ``data`` as a tensor, copied only if dtype or device must change.

    A Tensor keeps its history, and an array its memory: changing one changes the other.
    """
    if isinstance(data, Tensor):
        result: Tensor = data.to(device=device, dtype=dtype)
        return result
    return Tensor(_placed(_converted(data, dtype), data, device))


def asarray(data: Any, *, dtype: Any = None, device: Place = None, copy: bool | None = None) -> Tensor:
    """Return ``data`` as a tensor: `as_tensor`, and a say in whether memory is shared.

    Parameters
    ----------
    data
        A number, nested lists, an array or a Tensor, which keeps its history.
    dtype
        Type of the elements, if it is to be another than that of the data.
    device
        Where to put them.
    copy
        True always copies, None only where dtype, device or the kind of data asks for it, False never.

    Raises
    ------
    ValueError
        If ``copy=False`` and a copy is needed.
    """
    made = as_tensor(data, dtype=dtype, device=device)
    source = array_of(data)
    shared = is_array(source) and owner(made.data) is owner(source)
    if copy is False and not shared:
        raise ValueError(f"asarray: copy=False, and a {type(data).__name__} becomes {made.dtype} on {made.device} only by a copy")
    return made.copy() if copy and shared else made


def from_dlpack(x: Any) -> Tensor:
    """Return a tensor on the memory of an array of another library, wherever that is (DLPack protocol)."""
    if not hasattr(x, "__dlpack_device__"):
        raise TypeError(f"from_dlpack: {type(x).__name__} does not speak DLPack: it has no __dlpack_device__")
    place = int(x.__dlpack_device__()[0])
    kind = {1: "cpu", 2: "cuda", 3: "cpu", 13: "cuda"}.get(place)  # 3 and 13: pinned and managed memory
    if kind is None:
        raise TypeError(f"from_dlpack: the array is on a device of DLPack's kind {place}, neither a CPU nor a CUDA device")
    return Tensor(backend_of(kind).xp.from_dlpack(x))


def _converted(data: Any, dtype: Any) -> Array:
    """Return data as an array of ``dtype``; Python floats directly, not by way of float32."""
    if dtype is not None and np.dtype(dtype).kind not in "biufc":
        raise TypeError(f"the elements of a tensor are numbers; dtype={dtype!r} is none of them")
    if dtype is None or hasattr(data, "dtype"):
        array = as_array(data)
        return array if dtype is None or array.dtype == dtype else array.astype(dtype)
    return as_array(data, dtype)


def _placed(array: Array, data: Any, device: Place) -> Array:
    """Put an array made of ``data`` on the device that is wanted."""
    if device is not None:
        return move(array, as_device(device))
    stays = isinstance(data, Tensor) or kind_of(array) != "cpu"
    return array if stays else move(array, default_device())


# --------------------------------------------------------------------------------------------------- filled with numbers


def full(shape: Shape, fill_value: Any, *, dtype: Any = None, device: Place = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor with the number ``fill_value`` everywhere, which integers must be able to have."""
    whole = dtype is not None and np.dtype(dtype).kind in "iu"
    number = as_tensor(fill_value, dtype=None if whole else dtype, device=device).data
    number = cast_exactly("full", number, dtype) if whole else number
    if number.shape:
        raise ValueError(f"full: fill_value must be one number; this one has shape {number.shape}")
    return Tensor(namespace(number).broadcast_to(number, shape).copy(), requires_grad=requires_grad)


def zeros(shape: Shape, *more: Never, dtype: Any = None, device: Place = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of zeros."""
    return full(one_shape("zeros", shape, more), 0.0, dtype=dtype, device=device, requires_grad=requires_grad)


def ones(shape: Shape, *more: Never, dtype: Any = None, device: Place = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of ones."""
    return full(one_shape("ones", shape, more), 1.0, dtype=dtype, device=device, requires_grad=requires_grad)


def empty(shape: Shape, *more: Never, dtype: Any = None, device: Place = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor whose values are of no account, to be overwritten with `minigrad.Tensor.copy_`.

    They are zeros, so that a run that reads them by mistake can be repeated.
    """
    return full(one_shape("empty", shape, more), 0.0, dtype=dtype, device=device, requires_grad=requires_grad)


def full_like(x: Any, fill_value: Any, *, dtype: Any = None, device: Place = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor with ``fill_value`` everywhere; shape, dtype and device are those of x unless given."""
    place = device_of(array_of(x)) if device is None else device
    return full(x.shape, fill_value, dtype=dtype or x.dtype, device=place, requires_grad=requires_grad)


def zeros_like(x: Any, *, dtype: Any = None, device: Place = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of zeros; shape, dtype and device are those of x unless given."""
    return full_like(x, 0, dtype=dtype, device=device, requires_grad=requires_grad)


def ones_like(x: Any, *, dtype: Any = None, device: Place = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of ones; shape, dtype and device are those of x unless given."""
    return full_like(x, 1, dtype=dtype, device=device, requires_grad=requires_grad)


def empty_like(x: Any, *, dtype: Any = None, device: Place = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor whose values are of no account (`empty`); shape, dtype and device are those of x unless given."""
    return full_like(x, 0, dtype=dtype, device=device, requires_grad=requires_grad)


def arange(
    start: float, stop: float | None = None, step: float = 1, *, dtype: Any = None, device: Place = None, requires_grad: bool = False
) -> Tensor:
    """Return start, start + step, ... up to, but not including, stop; from 0 where only one number is given."""
    start, stop = (0, start) if stop is None else (start, stop)
    whole = all(isinstance(x, (int, np.integer)) for x in (start, stop, step))
    kind = dtype or (None if whole else DEFAULT_DTYPE)
    values = np.arange(start, stop, step)
    return tensor(values if kind is None else cast_exactly("arange", values, kind), device=device, requires_grad=requires_grad)


def linspace(
    start: float, stop: float, num: int, *, endpoint: bool = True, dtype: Any = None, device: Place = None, requires_grad: bool = False
) -> Tensor:
    """Return ``num`` numbers at equal distances from start to stop, both included unless ``endpoint`` is False."""
    dtype = np.dtype(dtype or DEFAULT_DTYPE)
    if dtype.kind not in "fc":
        raise TypeError(f"linspace: dtype={dtype.name!r}; numbers at equal distances are floats: take one of these, or arange for integers")
    values = np.linspace(start, stop, num, endpoint=endpoint)
    return tensor(values, dtype=dtype, device=device, requires_grad=requires_grad)


def eye(
    rows: int, columns: int | None = None, *, k: int = 0, dtype: Any = None, device: Place = None, requires_grad: bool = False
) -> Tensor:
    """Return a matrix with ones on diagonal k and zeros elsewhere."""
    return tensor(np.eye(rows, columns, k, dtype=dtype or DEFAULT_DTYPE), device=device, requires_grad=requires_grad)


def tri(rows: int, columns: int | None = None, *, k: int = 0, dtype: Any = bool, device: Place = None) -> Tensor:
    """Return a mask that is true on and below diagonal k: what a causal attention may look at."""
    return tensor(np.tri(rows, columns, k, dtype=dtype), device=device)
