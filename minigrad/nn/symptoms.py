"""What the batch norm report looks for outside the layers: in the order of the data, and in the gradients through all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.autograd import grad
from minigrad.core.device import move, to_host
from minigrad.core.mode import changed_mode
from minigrad.core.tensor import Tensor
from minigrad.nn.batch_normalization import BatchNorm
from minigrad.nn.inspection import activations, statistics_kept
from minigrad.nn.module import Module
from minigrad.nn.statistics import batch_norms, input_of, modes_kept

FEW_CLASSES = 0.6  #: of the classes that a batch would have by chance; shuffled batches have 0.9 and more of them
FEWEST_BATCHES = 4  #: of which an order can be told
DEEP = 8  #: batch norms, from which on gradients may grow out of proportion
GROWTH = 10.0  #: of the gradient from the last to the first of them


class Labels:
    """The classes of the batches that a loader yields, where it yields classes."""

    def __init__(self) -> None:
        self.batches: list[np.ndarray[Any, Any]] = []

    def see(self, batch: Any) -> None:
        """Note the labels of a batch: integers, one for each sample."""
        if isinstance(batch, (tuple, list)) and len(batch) > 1 and hasattr(batch[1], "dtype"):
            labels = to_host(batch[1].data if isinstance(batch[1], Tensor) else batch[1])
            if labels.dtype.kind in "iu" and labels.ndim == 1:
                self.batches.append(labels)

    def sorted_classes(self) -> tuple[float, float] | None:
        """Return how many classes a batch has on average and would have by chance, if those are far apart.

        Of m samples drawn at random, class c with the share p_c is among them with probability 1 - (1 - p_c)^m.
        """
        if len(self.batches) < FEWEST_BATCHES:
            return None
        shares = np.unique(np.concatenate(self.batches), return_counts=True)[1] / sum(map(len, self.batches))
        have = float(np.mean([len(np.unique(labels)) for labels in self.batches]))
        chance = float(np.mean([(1 - (1 - shares) ** len(labels)).sum() for labels in self.batches]))
        return (have, chance) if have < FEW_CLASSES * chance else None


def gradient_growth(model: Module, batch: Any) -> tuple[float, int] | None:
    """Return by how much gradients grow from the last batch norm to the first in training mode, and over how many, if that is much.

    With ReLU, batch norm makes squared gradients grow by pi / (pi - 1) = 1.467 a layer towards the input (Yang et al., 2019).
    """
    layers = batch_norms(model)
    if len(layers) < DEEP or len(input_of(batch)) < 2:  # of one sample there is no variance
        return None
    with modes_kept(model), statistics_kept(model), changed_mode(recording=True), activations(model, BatchNorm) as seen:
        model.eval()
        for _, layer in layers:
            layer.train(not layer.frozen)
        output = model(input_of(batch))
        first = output[0] if isinstance(output, (tuple, list)) else output
        outs = [out for out in seen.outputs.values() if isinstance(first, Tensor) and out.requires_grad]
        if len(outs) < DEEP:
            return None
        cotangent = np.random.default_rng(0).standard_normal(first.shape).astype(first.dtype)
        gradients = grad(first, outs, Tensor(move(cotangent, first.device)), allow_unused=True)
    return _growth([g for g in gradients if g is not None])


def _growth(gradients: Sequence[Tensor]) -> tuple[float, int] | None:
    sizes = [float(np.linalg.norm(to_host(g.data).astype(np.float64))) for g in gradients]
    if len(sizes) < DEEP or not sizes[-1] > 0 or not np.isfinite(sizes).all():
        return None
    growth = sizes[0] / sizes[-1]
    return (growth, len(sizes)) if growth > GROWTH else None
