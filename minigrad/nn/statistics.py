"""From training to inference (Ioffe and Szegedy, algorithm 2): population statistics, and batch norm folded away."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, TypeVar

from minigrad.core.mode import Observer, changed_mode, mode
from minigrad.core.tensor import Tensor
from minigrad.nn.batch_normalization import BatchNorm
from minigrad.nn.batch_renormalization import BatchRenorm
from minigrad.nn.container import Identity, Sequential
from minigrad.nn.conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from minigrad.nn.linear import Linear
from minigrad.nn.module import Module, Parameter

__all__ = ["fold_batch_norm", "population_statistics"]

M = TypeVar("M", bound=Module)

TRANSPOSED = (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
CONVOLUTIONS = (Conv1d, Conv2d, Conv3d, *TRANSPOSED)

# ------------------------------------------------------------------------------------------------ population statistics


def population_statistics(model: M, loader: Iterable[Any]) -> M:
    """Replace the running statistics of every batch norm by averages over the batches of ``loader``.

    E[x] = <mean> and Var[x] = <var m / (m - 1)>, the averages of the mean and of the unbiased variance over all batches,
    each counting once (algorithm 2 of the paper, lines 8 to 11). Running averages, by contrast, remember best what they saw
    last, with weights that have changed since. Batch norm runs in training mode and everything else in evaluation mode
    meanwhile, so that dropout does not widen the statistics; afterwards every module is in the mode that it was in.
    Frozen layers, those without running statistics, and `BatchRenorm`, whose output depends on its own, are left alone.

    Parameters
    ----------
    model
        A module; it is changed, and returned.
    loader
        Yields batches: the input of the model, or a tuple or list that starts with it.

    Raises
    ------
    ValueError
        If the model has no batch norm to fill, or the loader is empty. After any error the statistics are the old ones.
    """
    layers = [layer for _, layer in batch_norms(model) if layer.running_mean is not None and not layer.frozen]
    layers = [layer for layer in layers if not isinstance(layer, BatchRenorm)]
    if not layers:
        raise ValueError("population_statistics: the model has no batch norm with running statistics that are not frozen")
    old = [(layer, layer.momentum, dict(layer.named_buffers())) for layer in layers]
    batches = 0
    try:
        with modes_kept(model), changed_mode(recording=False):
            model.eval()
            for layer in layers:
                layer.reset_running_stats()
                layer.momentum, layer.training = None, True
            for batch in loader:
                model(input_of(batch))
                batches += 1
        if not batches:
            raise ValueError("population_statistics: the loader is empty")
    except BaseException:
        for layer, _, buffers in old:
            for name, buffer in buffers.items():
                setattr(layer, name, buffer)
        raise
    finally:
        for layer, momentum, _ in old:
            layer.momentum = momentum
    return model


def batch_norms(model: Module) -> list[tuple[str, BatchNorm]]:
    """The batch norm layers of a model, with their names."""
    return [(name, module) for name, module in model.named_modules() if isinstance(module, BatchNorm)]


def input_of(batch: Any) -> Tensor:
    """The input of the model in what a loader yields."""
    first = batch[0] if isinstance(batch, (tuple, list)) else batch
    return first if isinstance(first, Tensor) else Tensor(first)


@contextmanager
def modes_kept(model: Module) -> Iterator[None]:
    """Put every module back into the mode, training or evaluation, that it is in now."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


# -------------------------------------------------------------------------------------------------------------- folding


def fold_batch_norm(model: M, example: Any = None) -> M:
    """Return a copy of ``model`` for inference, with batch norm folded into the linear or convolution layers before it.

    In evaluation mode batch norm is linear, so that it can be part of the layer before it (end of section 3.1 of the paper)::

        weight' = weight s      bias' = (bias - mean) s + beta      s = gamma / sqrt(var + eps)

    for each output channel. Where it was, an `Identity` remains, and the copy is in evaluation mode; it computes what the
    model computes in evaluation mode, up to rounding. A batch norm that follows anything else, such as an activation,
    stays.

    Parameters
    ----------
    model
        A module; it is not changed.
    example
        An input of the model. With it, layers are paired by what they compute: the output of one must be the input of
        the other and of nothing else. Without it, only neighbours in a `Sequential` are paired, and a `Linear` is taken to
        see inputs of shape (N, features).

    Raises
    ------
    ValueError
        If a batch norm that could be folded has no running statistics: it depends on the batch in evaluation, too.
    """
    pairs = pairs_in_sequentials(model) if example is None else pairs_by_example(model, example)
    new = copy.deepcopy(model).eval()
    for layer_name, norm_name in pairs:
        layer, norm = new.get_submodule(layer_name), new.get_submodule(norm_name)
        assert isinstance(norm, BatchNorm)
        if norm.running_mean is None:
            raise ValueError(f"fold_batch_norm: {norm_name} has track_running_stats=False, so it depends on the batch and cannot be folded")
        _fold(layer, norm)
        parent, _, child = norm_name.rpartition(".")
        setattr(new.get_submodule(parent), child, Identity())
    return new


def _fold(layer: Any, norm: BatchNorm) -> None:
    """Make ``layer`` compute what it and then ``norm``, in evaluation mode, compute. In float64, rounded at the end."""

    def wide(tensor: Any, otherwise: float) -> Any:
        return otherwise if tensor is None else tensor.data.astype("float64")

    scale = wide(norm.weight, 1.0) / (wide(norm.running_var, 1.0) + norm.eps) ** 0.5
    bias = (wide(layer.bias, 0.0) - wide(norm.running_mean, 0.0)) * scale + wide(norm.bias, 0.0)
    weight = wide(layer.weight, 1.0)
    if isinstance(layer, TRANSPOSED):  # (in, out / groups, ...), the inputs of each group together
        by_group = weight.reshape((layer.groups, -1, *weight.shape[1:]))
        weight = (by_group * scale.reshape((layer.groups, 1, -1, *[1] * (weight.ndim - 2)))).reshape(weight.shape)
    else:
        weight = weight * scale.reshape((-1, *[1] * (weight.ndim - 1)))
    dtype = layer.weight.dtype
    layer.weight = Parameter(weight.astype(dtype), requires_grad=layer.weight.requires_grad)
    layer.bias = Parameter(bias.astype(dtype), requires_grad=layer.weight.requires_grad)


def pairs_in_sequentials(model: Module) -> list[tuple[str, str]]:
    """Names of each layer and the batch norm right behind it in a Sequential, both used nowhere else."""
    uses = Counter(id(module) for _, module in model.named_modules(remove_duplicate=False))
    pairs = []
    for path, module in model.named_modules():
        if isinstance(module, Sequential):
            children = [(f"{path}.{name}" if path else name, child) for name, child in module.named_children()]
            pairs += [
                (first, second)
                for (first, layer), (second, norm) in pairwise(children)
                if _fit(layer, norm) and uses[id(layer)] == uses[id(norm)] == 1
            ]
    return pairs


def pairs_by_example(model: Module, example: Any) -> list[tuple[str, str]]:
    """Names of each layer and the batch norm that alone uses its output, found by running the model in evaluation mode."""
    uses, calls = _Uses(), Counter[int]()
    made: dict[int, tuple[str, Module]] = {}
    found: list[tuple[str, str, int, Module, Module]] = []
    removers = []

    def after_layer(name: str) -> Any:
        def hook(module: Module, args: Any, output: Any) -> None:
            calls[id(module)] += 1
            uses.alive.append(output.data)
            made[id(output.data)] = (name, module)

        return hook

    def before_norm(name: str) -> Any:
        def hook(module: Module, args: Any) -> None:
            calls[id(module)] += 1
            key = id(args[0].data)
            if key in made and _fit(made[key][1], module) and (not isinstance(made[key][1], Linear) or args[0].ndim == 2):
                found.append((made[key][0], name, key, made[key][1], module))

        return hook

    for name, module in model.named_modules():
        if isinstance(module, (Linear, *CONVOLUTIONS)):
            removers.append(module.register_forward_hook(after_layer(name)))
        elif isinstance(module, BatchNorm):
            removers.append(module.register_forward_pre_hook(before_norm(name)))
    try:
        with modes_kept(model), changed_mode(recording=False, observers=(*mode.get().observers, uses)):
            model.eval()
            result = model(input_of(example))
    finally:
        for remover in removers:
            remover.remove()
    for output in result.values() if isinstance(result, dict) else result if isinstance(result, (tuple, list)) else (result,):
        if isinstance(output, Tensor):
            uses.count[id(output.data)] += 1
    return [
        (layer_name, norm_name)
        for layer_name, norm_name, key, layer, norm in found
        if uses.count[key] == calls[id(layer)] == calls[id(norm)] == 1
    ]


class _Uses(Observer):
    """Counts how many ops use each array."""

    def __init__(self) -> None:
        self.count: Counter[int] = Counter()
        self.alive: list[Any] = []  # so that no id is given to another array

    def on_forward(self, op: Any, args: tuple[Any, ...], params: dict[str, Any], out: Any, node: Any) -> None:
        self.count.update(id(a) for a in args)
        self.alive.extend(args)


def _fit(layer: Module, norm: Module) -> bool:
    """Tell whether ``norm`` is a batch norm over the output channels of ``layer``."""
    channels = layer.out_features if isinstance(layer, Linear) else layer.out_channels if isinstance(layer, CONVOLUTIONS) else None
    return isinstance(norm, BatchNorm) and norm.num_features == channels
