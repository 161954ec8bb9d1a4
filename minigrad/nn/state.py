"""The state of a module: loading it all or not at all, and moving it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigrad.backends import Array, is_array
from minigrad.core.device import Device, as_device, move
from minigrad.core.tensor import Tensor, wrap
from minigrad.reading import tell_of_conversion

if TYPE_CHECKING:
    from minigrad.nn.module import Module


#: types of PyTorch that NumPy has not, and float32 holds
NARROW = {"torch.bfloat16", "torch.float8_e4m3fn", "torch.float8_e5m2", "torch.float8_e4m3fnuz", "torch.float8_e5m2fnuz"}


class IncompatibleKeys(NamedTuple):
    """What `minigrad.nn.Module.load_state_dict` did not find, and what it had no place for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def by_name(given: Any) -> Mapping[str, Any]:
    """Return a state dict as it is, and pairs of names and tensors as one."""
    if isinstance(given, Mapping):
        return given
    pairs = list(given) if isinstance(given, Iterable) and not isinstance(given, (str, bytes)) and not is_array(given) else None
    if pairs is None or not all(isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs):
        kinds = "a dict of tensors by name, as mg.load(path) gives, or pairs of name and tensor"
        raise TypeError(f"load_state_dict takes {kinds}, not a {type(given).__name__}")
    if len(dict(pairs)) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"load_state_dict: the name {twice!r} occurs twice; nothing was loaded")
    return dict(pairs)


def load(module: Module, state_dict: Mapping[str, Any], strict: bool) -> IncompatibleKeys:
    """Copy values into the parameters and buffers of the same names, or raise and change nothing."""
    own = module.state_dict()
    if {"state", "param_groups"} <= set(state_dict) and "param_groups" not in own:
        kind = type(module).__name__
        raise ValueError(f"the state dict is an optimizer's, not a {kind}'s: load it with optimizer.load_state_dict; nothing was loaded")
    arrays = {name: _as_array(name, value) for name, value in state_dict.items() if name in own}
    converted = [f"{state_dict[name].dtype} to float32" for name in arrays if _is_narrow(state_dict[name])]
    for name, array in arrays.items():
        if name.endswith("num_batches_tracked") and array.size == 1 and (array.shape or array.dtype.kind == "f"):
            arrays[name] = array.reshape(()).astype(own[name].dtype)  # as PyTorch and tinygrad wrote it once
            converted.append(f"a batch count of {array.dtype} and shape {array.shape} to one integer")
    missing = [name for name in own if name not in state_dict and not name.endswith("num_batches_tracked")]  # which old files lack
    unexpected = [name for name in state_dict if name not in own]
    shapes = [f"{name}: {a.shape}, here {own[name].shape}" for name, a in arrays.items() if a.shape != own[name].shape]
    types = [
        f"{name}: {a.dtype}, here {own[name].dtype}" for name, a in arrays.items() if not np.can_cast(a.dtype, own[name].dtype, "same_kind")
    ]
    problems = {"missing": missing, "unexpected": unexpected} if strict else {}
    problems |= {"misshapen": shapes, "of the wrong type": types}
    if any(problems.values()):
        lines = [f"  {what}: {', '.join(names)}" for what, names in problems.items() if names] + _advice(own, state_dict)
        raise ValueError("\n".join([f"the state dict does not fit this {type(module).__name__}; nothing was loaded", *lines]))
    tell_of_conversion("load_state_dict", converted, stacklevel=3)
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


def _advice(own: Mapping[str, Any], state_dict: Mapping[str, Any]) -> list[str]:
    """Say what to give in place of a checkpoint with the state dict in it, and of names with a prefix."""
    inner = next((name for name, value in state_dict.items() if isinstance(value, Mapping) and set(own) & set(value)), None)
    if inner is not None:
        return [f"  the dict under {inner!r} has such names: give that"]
    first = next(iter(state_dict), "")
    prefix = next((first.removesuffix(name) for name in own if first.endswith(f".{name}")), None)
    if prefix and all(name.startswith(prefix) for name in state_dict):
        return [f"  all names begin with {prefix!r}: give {{name.removeprefix({prefix!r}): value for name, value in state.items()}}"]
    return []


def _is_narrow(value: Any) -> bool:
    """Tell whether a value of a state dict is PyTorch's of a type that becomes float32."""
    return str(getattr(value, "dtype", None)) in NARROW


def _as_array(name: str, value: Any) -> Array:
    """Return a value of a state dict as an array, on whatever device it is."""
    if isinstance(value, Tensor):
        return value.data
    if is_array(value):
        return value
    if hasattr(value, "detach"):  # PyTorch's
        value = value.detach().cpu()
        value = value.float() if _is_narrow(value) else value
    try:
        array = np.asarray(value)
    except TypeError:
        dtype = getattr(value, "dtype", type(value).__name__)
        raise TypeError(f"the state dict holds {dtype} under {name!r}, which NumPy has no type for: convert it to float32 before") from None
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
