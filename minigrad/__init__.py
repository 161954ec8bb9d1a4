"""minigrad: a from-scratch autograd micro-framework.

An op is a formula, and every formula is checked. Read the source in this order: ops/elementwise.py,
core/graph.py, core/tensor.py, core/op.py, core/formula.py, ops/batch_normalization.py.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path as _Path
from typing import TYPE_CHECKING, Any

from minigrad import kernels as _kernels, ops, random
from minigrad.anomaly import AnomalyError, detect_anomaly
from minigrad.autograd import (
    enable_grad,
    grad,
    hessian,
    hvp,
    is_grad_enabled,
    jacobian,
    jvp,
    no_grad,
    vjp,
)
from minigrad.backends import LOADERS, DeviceUnavailableError
from minigrad.checkpointing import checkpoint
from minigrad.core import _hints as _habits
from minigrad.core.device import Device, default_device, device, set_default_device
from minigrad.core.graph import Node as _Node
from minigrad.core.op import OPS, op
from minigrad.core.tensor import Tensor
from minigrad.creation import (
    arange,
    as_tensor,
    eye,
    from_dlpack,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    tensor,
    tri,
    zeros,
    zeros_like,
)
from minigrad.ops import *
from minigrad.random import manual_seed

__version__ = "0.1.0"

_habits.bind(Tensor)


def _explore(self: Tensor, path: str | _Path, *, source: bool = True) -> _Path:
    """Write how this tensor was computed as one page that needs nothing but a browser; see `minigrad.explore.write_explorer`."""
    return import_module("minigrad.explore").write_explorer(self, path, source=source)  # type: ignore[no-any-return]


#: methods that are opened from above: what shows a computation is imported when it is asked for
for _owner, _name, _method in (
    (Tensor, "explore", _explore),
    (_Node, "_repr_svg_", lambda self: import_module("minigrad.explore").drawing_of(self).svg),
):
    setattr(_owner, _name, _method)
LOADERS["cuda"] = (
    lambda: import_module("minigrad.kernels.cuda").load(),
    lambda: import_module("minigrad.backends.cuda").cuda_status().available,
)

#: subpackages and functions that are imported when first used, so that `import minigrad` costs little more than NumPy
_LAZY = {
    "GradScaler": "minigrad.amp:GradScaler",
    "autocast": "minigrad.amp:autocast",
    "capture": "minigrad.replay:capture",
    "cuda": "minigrad.cuda",
    "data": "minigrad.data",
    "explore": "minigrad.explore",
    "distributed": "minigrad.distributed",
    "gradcheck": "minigrad.gradcheck",
    "load": "minigrad.saving:load",
    "nn": "minigrad.nn",
    "optim": "minigrad.optim",
    "record": "minigrad.explore:record",
    "save": "minigrad.saving:save",
    "saved": "minigrad.explore:saved",
    "saving": "minigrad.saving",
    "training": "minigrad.training",
    "why": "minigrad.explore:why",
}

if TYPE_CHECKING:
    from minigrad import data, distributed, nn, optim, saving, training
    from minigrad.explore import record, saved, why
    from minigrad.gradcheck import gradcheck as gradcheck
    from minigrad.replay import capture
    from minigrad.saving import load, save


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        instead = f"; write {_habits.PACKAGE[name]}" if name in _habits.PACKAGE else ""
        raise AttributeError(f"module 'minigrad' has no attribute {name!r}{instead}")
    module, _, attribute = _LAZY[name].partition(":")
    value = import_module(module)
    return getattr(value, attribute) if attribute else value


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
