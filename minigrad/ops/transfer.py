"""Moving a tensor to another device or dtype; its gradient moves back."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from minigrad.backends import Array, DType, Namespace
from minigrad.core.device import Device, as_device, device_of, move
from minigrad.core.op import op
from minigrad.core.tensor import Tensor, array_of
from minigrad.ops.elementwise import astype

__all__ = ["to"]


@op
def transfer(xp: Namespace, x: Array, *, source: Device, target: Device) -> Array:
    """x, which is on the device ``source``, on the device ``target``."""
    return move(x, target)


@transfer.vjp("x")
def transfer_d_x(g: Array, *, source: Device, target: Device) -> Array:
    return transfer(g, source=target, target=source)


def to(x: Array, *targets: DType | Device, device: str | Device | None = None, dtype: DType | None = None) -> Tensor:
    """Return x on a device, or with a dtype, or both: ``x.to("cuda")``, ``x.to("float64")``, ``x.to("cpu", np.float32)``.

    The tensor itself is returned where nothing changes.
    """
    for target in targets:
        if isinstance(target, Device) or (isinstance(target, str) and target.partition(":")[0] in ("cpu", "cuda", "auto")):
            device = target
        else:
            dtype = _dtype(target)
    here = device_of(array_of(x))
    there = here if device is None else as_device(device)
    if here != there:
        x = transfer(x, source=here, target=there)
    return x if dtype is None or x.dtype == dtype else astype(x, dtype=dtype)


def to_device_method(x: Array, device: str | Device, *, stream: None = None) -> Tensor:
    """Return x on a device, as the array API calls it; work is queued on the stream that is current, and none other can be named."""
    if stream is not None:
        raise ValueError(f"to_device: stream is {stream!r}; expected None: work is queued on the current stream")
    return to(x, device=device)


def _dtype(target: DType | Device) -> np.dtype[Any]:
    try:
        return np.dtype(cast(DType, target))
    except TypeError:
        raise ValueError(
            f"to: {target!r} is neither a device ('cpu', 'cuda', 'cuda:1', 'auto') nor a dtype ('float32', 'int64', ...)"
        ) from None
