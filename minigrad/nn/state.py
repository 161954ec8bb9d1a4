"""The state of a module: loading it all or not at all, and moving it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigrad.backends import Array, is_array
from minigrad.core.device import Device, as_device, move
from minigrad.core.tensor import Tensor, wrap

if TYPE_CHECKING:
    from minigrad.nn.module import Module


class IncompatibleKeys(NamedTuple):
    """What `minigrad.nn.Module.load_state_dict` did not find, and what it had no place for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def load(module: Module, state_dict: Mapping[str, Any], strict: bool) -> IncompatibleKeys:
    """Copy values into the parameters and buffers of the same names, or raise and change nothing."""
    own = module.state_dict()
    if {"state", "param_groups"} <= set(state_dict) and "param_groups" not in own:
        kind = type(module).__name__
        raise ValueError(f"the state dict is an optimizer's, not a {kind}'s: load it with optimizer.load_state_dict; nothing was loaded")
    arrays = {name: _as_array(name, value) for name, value in state_dict.items() if name in own}
    for name in arrays:  # as some versions of PyTorch wrote it
        if name.endswith("num_batches_tracked") and arrays[name].shape == (1,):
            arrays[name] = arrays[name].reshape(())
    missing = [name for name in own if name not in state_dict and not name.endswith("num_batches_tracked")]  # which old files lack
    unexpected = [name for name in state_dict if name not in own]
    shapes = [f"{name}: {a.shape}, here {own[name].shape}" for name, a in arrays.items() if a.shape != own[name].shape]
    types = [
        f"{name}: {a.dtype}, here {own[name].dtype}" for name, a in arrays.items() if not np.can_cast(a.dtype, own[name].dtype, "same_kind")
    ]
    problems = {"missing": missing, "unexpected": unexpected} if strict else {}
    problems |= {"misshapen": shapes, "of the wrong type": types}
    if any(problems.values()):
        lines = [f"  {what}: {', '.join(names)}" for what, names in problems.items() if names]
        raise ValueError("\n".join([f"the state dict does not fit this {type(module).__name__}; nothing was loaded", *lines]))
    targets = dict(module.named_parameters(remove_duplicate=False)) | dict(module.named_buffers(remove_duplicate=False))
    for name, array in arrays.items():
        targets[name].copy_(array)
    return IncompatibleKeys(missing, unexpected)


def convert(tensors: Iterable[Tensor], device: Any, dtype: Any) -> None:
    """Move tensors to a device, and convert those of floating point to a dtype, in place and with their gradients.

    As in PyTorch, a dtype or a tensor that is like what is wanted may be given instead of the device.
    """
    if isinstance(device, Tensor):
        device, dtype = device.device, device.dtype
    elif _is_dtype(device):
        device, dtype = None, device
    place = None if device is None else as_device(device)
    kind = None if dtype is None else np.dtype(dtype)
    if kind is not None and kind.kind != "f":
        raise TypeError(f"a module can be converted to a floating-point dtype, not to {kind}")

    def converted(array: Array) -> Array:
        array = array if place is None else move(array, place)
        return array if kind is None or array.dtype.kind != "f" else array.astype(kind, copy=False)

    for tensor in tensors:
        grad = tensor.grad
        tensor.data = converted(tensor.data)
        if tensor.node is not None:
            tensor.node.dtype = tensor.data.dtype
            tensor.grad = None if grad is None else wrap(converted(grad.data), None)


def _as_array(name: str, value: Any) -> Array:
    """Return a value of a state dict as an array, on whatever device it is."""
    if isinstance(value, Tensor):
        return value.data
    if is_array(value):
        return value
    if hasattr(value, "detach"):  # PyTorch's
        value = value.detach()
        value = value.float() if str(value.dtype) in ("torch.bfloat16", "torch.float8_e4m3fn", "torch.float8_e5m2") else value
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"the state dict holds a {type(value).__name__} under {name!r}; expected a tensor or an array")
    return array


def _is_dtype(value: Any) -> bool:
    """Tell whether what was given for a device is a dtype."""
    if value is None or isinstance(value, Device):
        return False
    try:
        return np.dtype(value) is not None
    except TypeError:
        return False
