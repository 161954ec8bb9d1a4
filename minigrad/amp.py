"""Mixed precision: products in half precision, everything that sums or exponentiates in float32, master weights in float32.

Inside ``with mg.autocast("float16"):`` the ops of `LOW` get their floating-point inputs in the lower precision, those of
`HIGH` in float32, and others take what comes. The casts are ops like any other, so gradients arrive at the float32
parameters as float32. Small gradients would be flushed to zero in float16: `GradScaler` multiplies the loss, and divides
the gradients before the optimizer sees them.

NumPy has no bfloat16. ``autocast("bfloat16")`` rounds the inputs of products to its 8 bits of precision, kept in
float32, which gives on the CPU what a GPU computes with bfloat16 inputs and float32 sums; on a GPU cuBLAS is asked to
round, which costs nothing. The backward pass is computed outside the block and is not rounded there; see
`minigrad.cuda.set_product_precision` for rounding it as well.

(Micikevicius and others: "Mixed precision training", ICLR 2018.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.backends import BACKENDS, KINDS, is_array, kind_of, namespace
from minigrad.core._contexts import block
from minigrad.core.device import Device, backend_of
from minigrad.core.mode import changed_mode
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, wrap
from minigrad.ops.elementwise import add, astype

__all__ = ["HIGH", "LOW", "Autocast", "GradScaler", "HostScale", "autocast", "rounded_to_bfloat16"]

#: ops whose inputs are lowered: products, which tensor cores make fast and whose sums stay in float32
LOW = frozenset({"matmul", "linear", "convolution", "conv_transpose", "tensordot", "einsum"})
#: ops whose inputs are raised to float32: sums of many terms, exponentials, statistics, losses
HIGH = frozenset({
    "batch_norm", "batch_norm_relu", "fixed_batch_norm", "batch_renorm", "layer_norm", "rms_norm", "group_norm", "instance_norm",
    "softmax", "log_softmax", "softmax_cross_entropy", "mean_cross_entropy", "sigmoid_cross_entropy", "binary_cross_entropy", "huber",
    "ctc_alpha", "exp", "expm1", "log", "log1p", "logsumexp", "pow", "sum", "mean", "prod", "var", "std", "cumulative_sum",
    "cumulative_prod",
})  # fmt: skip


@dataclass(frozen=True)
class Autocast:
    """What `minigrad.core.op.Op` asks before it runs."""

    dtype: str

    def cast(self, op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the inputs of ``op`` in the precision it should have. Plain arrays, as in a backward pass, stay."""
        if not any(isinstance(a, Tensor) for a in args):
            return args
        if op.name in LOW:
            return tuple([self._lowered(a) for a in args])
        if op.name in HIGH:
            return tuple([_cast(a, np.dtype(np.float32)) if _dtype(a) == np.float16 else a for a in args])
        return args

    def _lowered(self, value: Any) -> Any:
        if _dtype(value) != np.float32:
            return value
        if self.dtype == "float16":
            return _cast(value, np.dtype(np.float16))
        return value if kind_of(value.data if isinstance(value, Tensor) else value) != "cpu" else rounded_to_bfloat16(value)


@block
def autocast(dtype: str = "float16", *, enabled: bool = True) -> Iterator[None]:
    """Compute products in ``"float16"`` or ``"bfloat16"`` within a ``with`` block; call ``backward`` after it.

    Raises
    ------
    ValueError
        If the dtype is neither.

    Examples
    --------
    >>> scaler = mg.GradScaler()
    >>> with mg.autocast("float16"):
    ...     loss = F.cross_entropy(model(x), labels)
    >>> scaler.scale(loss).backward()
    >>> scaler.step(optimizer)
    >>> scaler.update()
    """
    if dtype not in ("float16", "bfloat16"):
        raise ValueError(f"autocast: unknown precision {dtype!r}: expected 'float16' or 'bfloat16'")
    if not enabled:
        with changed_mode(autocast=None):
            yield
        return
    backend: Any = next((b for b in BACKENDS.values() if b.kind == "cuda"), None) if "cuda" in KINDS and dtype == "bfloat16" else None
    before = getattr(backend, "precision", None)
    try:
        if backend is not None:
            backend.precision = "bfloat16"
        with changed_mode(autocast=Autocast(dtype)):
            yield
    finally:
        if backend is not None:
            backend.precision = before


def rounded_to_bfloat16(x: Any) -> Any:
    """Return float32 values rounded to the nearest that bfloat16 has (ties to even); the gradient passes unchanged."""
    data = x.data if isinstance(x, Tensor) else x
    bits = namespace(data).ascontiguousarray(data).view(np.uint32)
    nearest = ((bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))) & np.uint32(0xFFFF0000)).view(np.float32).reshape(data.shape)
    step = np.subtract(nearest, data, out=np.zeros_like(nearest), where=np.isfinite(data))
    return add(x, wrap(step, None) if isinstance(x, Tensor) else step)  # exact: the difference has few digits


def _dtype(value: Any) -> Any:
    return value.dtype if isinstance(value, Tensor) or is_array(value) else None


def _cast(value: Any, dtype: np.dtype[Any]) -> Any:
    return astype(value, dtype=dtype) if isinstance(value, Tensor) else value.astype(dtype)


class HostScale:
    """The scale of a `GradScaler` and its good steps in a row, as numbers of Python."""

    kind = "cpu"

    def __init__(self, scale: float, good_steps: int) -> None:
        self.write(scale, good_steps)

    def read(self) -> tuple[float, int]:
        """Return the scale, and the good steps in a row."""
        return self._scale, self._good_steps

    def write(self, scale: float, good_steps: int) -> None:
        """Set both."""
        self._scale, self._good_steps = float(np.float32(scale)), good_steps

    def times(self, loss: Tensor) -> Tensor:
        """Return the loss times the scale."""
        return loss * self._scale

    def unscale(self, optimizer: Any, forget: Callable[[], None]) -> bool:
        """Divide the gradients by the scale; tell whether one of them was not finite."""
        found = False
        for p in [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]:
            found = found or not bool(np.isfinite(p.grad.data).all())
            p.grad.data *= 1 / self._scale
        return found

    def step(self, optimizer: Any, found: bool) -> Any:
        """Make a step unless something was found."""
        return None if found else optimizer.step()

    def update(self, founds: Sequence[bool], growth: float, backoff: float, interval: int) -> None:
        """Adapt the scale, which stays a number of float32."""
        if any(founds):
            self.write(self._scale * backoff, 0)
        elif self._good_steps + 1 < interval:
            self._good_steps += 1
        else:
            grown = self._scale * growth
            self.write(grown if grown <= float(np.finfo(np.float32).max) else self._scale, 0)


class GradScaler:
    """Multiplies the loss so that float16 gradients do not vanish, and undoes it before the optimizer's step.

    A step whose gradients are not finite is left out, and the scale is lowered; after ``growth_interval`` good steps in
    a row it is raised. Names, arguments and state are PyTorch's.

    On a GPU all of this happens there: the host does not wait (only `get_scale` and `state_dict` do), and a training step
    from `scale` to `update` can be captured. Optimizers that have no kernel for their step make the host wait in `step`.

    Parameters
    ----------
    init_scale
        The scale to begin with.
    growth_factor, backoff_factor
        What it is multiplied by when raised and when lowered.
    growth_interval
        Good steps in a row after which it is raised.
    enabled
        Whether anything is done at all.
    """

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if not (growth_factor > 1 > backoff_factor > 0 and growth_interval > 0 and init_scale > 0):
            raise ValueError("GradScaler: growth_factor must be above 1, backoff_factor between 0 and 1, the others positive")
        self._growth, self._backoff, self._interval = growth_factor, backoff_factor, growth_interval
        self._enabled = enabled
        self._state: Any = HostScale(init_scale, 0)  # or minigrad.kernels.cuda.scaling.DeviceScale
        self._found: dict[Any, Any] = {}  # optimizers whose gradients were divided since the last update: was one not finite?

    def is_enabled(self) -> bool:
        """Whether anything is done."""
        return self._enabled

    def get_scale(self) -> float:
        """Return the scale; 1 if nothing is done."""
        return float(self._state.read()[0]) if self._enabled else 1.0

    def scale(self, loss: Tensor) -> Tensor:
        """Return the loss times the scale."""
        return self._state_on(loss.device).times(loss) if self._enabled else loss

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of the optimizer's parameters by the scale, for example before they are clipped."""
        if not self._enabled:
            return
        if optimizer in self._found:
            raise RuntimeError("unscale_() was called twice since the last update(); the gradients are divided already")
        device = optimizer.param_groups[0]["params"][0].device
        self._found[optimizer] = self._state_on(device).unscale(optimizer, self._found.clear)

    def step(self, optimizer: Any) -> Any:
        """Make the optimizer's step if all gradients are finite."""
        if not self._enabled:
            return optimizer.step()
        if optimizer not in self._found:
            self.unscale_(optimizer)
        return self._state.step(optimizer, self._found[optimizer])

    def update(self) -> None:
        """Adapt the scale to what was found since the last update."""
        if not self._enabled:
            return
        if not self._found:
            raise RuntimeError("update() before step() or unscale_(): nothing is known about the gradients")
        self._state.update(list(self._found.values()), self._growth, self._backoff, self._interval)
        self._found.clear()

    def state_dict(self) -> dict[str, Any]:
        """Return scale and settings."""
        scale, good_steps = self._state.read()
        return {
            "scale": scale, "growth_factor": self._growth, "backoff_factor": self._backoff, "growth_interval": self._interval,
            "_growth_tracker": good_steps,
        }  # fmt: skip

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned, of this scaler or of PyTorch's."""
        self._growth, self._backoff = float(state_dict["growth_factor"]), float(state_dict["backoff_factor"])
        self._interval = int(state_dict["growth_interval"])
        self._state.write(float(state_dict["scale"]), int(state_dict["_growth_tracker"]))

    def _state_on(self, device: Device) -> Any:
        """Return the state where the gradients are."""
        if device.kind != self._state.kind:
            backend = backend_of(device.kind)
            on_device = backend.services.get("scale_on_device")
            self._state = HostScale(*self._state.read()) if on_device is None else on_device(backend, *self._state.read())
        return self._state
