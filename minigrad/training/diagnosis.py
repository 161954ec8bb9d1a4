"""Finding where NaN or infinity came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import nn
from minigrad.core.device import to_host
from minigrad.core.mode import changed_mode
from minigrad.core.tensor import Tensor


class NotFiniteError(ArithmeticError):
    """The loss became NaN or infinite."""


def find_not_finite(model: nn.Module, *inputs: Any) -> str:
    """Run the model once more and say which layer is the first to give NaN or infinity, or to have it as a parameter."""
    advice = "Try a smaller learning rate"
    for i, x in enumerate(inputs):
        if isinstance(x, Tensor) and not _is_finite(x):
            return f"input {i} of the model has NaN or infinite values: look at the data"
    for name, parameter in model.named_parameters():
        if not _is_finite(parameter):
            return f"the parameter {name} of layer {_layer(model, name.rpartition('.')[0])} is NaN or infinite. {advice}"
    first: list[str] = []
    handles = []
    try:
        for name, module in model.named_modules():
            if not any(True for _ in module.children()):

                def hook(module: nn.Module, args: Any, output: Any, name: str = name) -> None:
                    outputs = output if isinstance(output, tuple) else (output,)
                    if not first and any(isinstance(o, Tensor) and not _is_finite(o) for o in outputs):
                        first.append(name)

                handles.append(module.register_forward_hook(hook))
        with changed_mode(recording=False), np.errstate(all="ignore"):
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    if not first:
        return "the output of the model is finite, so it is the loss itself"
    return f"layer {_layer(model, first[0])} is the first whose output is not finite. {advice}"


def _layer(model: nn.Module, name: str) -> str:
    return f"{name or 'model'} ({type(model.get_submodule(name)).__name__})"


def _is_finite(tensor: Tensor) -> bool:
    return tensor.dtype.kind not in "fc" or bool(np.isfinite(to_host(tensor.data)).all())
