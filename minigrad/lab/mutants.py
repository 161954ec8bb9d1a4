"""Batch norm broken on purpose, to see which experiments notice: a verdict that nothing can change says nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import minigrad as mg
from minigrad import nn
from minigrad.lab.runner import run
from minigrad.nn.batch_normalization import BatchNorm

#: name of a mutant -> how it divides x - mean, and whether its gradient sees the mean
MUTANTS: dict[str, tuple[Callable[[Any, float], Any], bool]] = {
    "no gradient through the variance": (lambda var, eps: (var.detach() + eps).sqrt(), True),
    "no gradient through mean and variance": (lambda var, eps: (var.detach() + eps).sqrt(), False),
    "eps outside the root": (lambda var, eps: var.sqrt() + eps, True),
}


def op_of(mutant: str) -> Callable[..., Any]:
    """Return a function with the arguments and results of ``mg.batch_norm`` that has the fault."""
    deviation, sees_mean = MUTANTS[mutant]

    def batch_norm(x: Any, weight: Any = None, bias: Any = None, *, axis: Any, eps: float = 1e-5) -> Any:
        x = mg.as_tensor(x)
        axes = axis if isinstance(axis, tuple) else (axis,)
        mean = x.mean(axis=axes, keepdims=True)
        var = (x - mean).square().mean(axis=axes, keepdims=True)
        y = scaled((x - (mean if sees_mean else mean.detach())) / deviation(var, eps), weight, bias, axes)
        return y, mean.squeeze(axis=axes), var.squeeze(axis=axes)

    return batch_norm


def scaled(y: Any, weight: Any, bias: Any, axes: tuple[int, ...]) -> Any:
    """Return y times a weight plus a bias for each channel."""
    shape = tuple(1 if i in axes else n for i, n in enumerate(y.shape))
    y = y if weight is None else y * mg.as_tensor(weight).reshape(shape)
    return y if bias is None else y + mg.as_tensor(bias).reshape(shape)


def layer_of(mutant: str, right: type[BatchNorm]) -> type[BatchNorm]:
    """Return a batch norm layer that has the fault; in evaluation mode, too, if it is one there."""
    deviation, _ = MUTANTS[mutant]

    class Mutant(right):  # type: ignore[valid-type, misc]
        def forward(self, x: Any) -> Any:
            if self.training or self.running_mean is None:
                return super().forward(x)
            axes = (0, *range(2, len(x.shape)))
            shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
            y = (x - self.running_mean.reshape(shape)) / deviation(self.running_var.reshape(shape), self.eps)
            return scaled(y, self.weight, self.bias, axes)

        def normalize(self, x: Any, axes: tuple[int, ...], m: int) -> Any:
            return self.normalize_by(op_of(mutant), x, axes, m)

    return Mutant


@contextmanager
def broken(mutant: str) -> Iterator[None]:
    """Within this, ``mg.batch_norm``, ``nn.BatchNorm1d`` and ``nn.BatchNorm2d`` have a fault."""
    kept = mg.batch_norm, nn.BatchNorm1d, nn.BatchNorm2d
    try:
        setattr(mg, "batch_norm", op_of(mutant))  # noqa: B010  (it is declared as an op)
        nn.BatchNorm1d, nn.BatchNorm2d = (layer_of(mutant, layer) for layer in kept[1:])  # type: ignore[misc, assignment]
        yield
    finally:
        mg.batch_norm, nn.BatchNorm1d, nn.BatchNorm2d = kept  # type: ignore[misc]


def verdicts(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the verdict of each experiment, by mutant; the name of no mutant is ``right``."""
    found = {"right": {record.name: record.verdict for record in run(names)}}
    for mutant in MUTANTS:
        with broken(mutant):
            found[mutant] = {record.name: record.verdict for record in run(names)}
    return found
