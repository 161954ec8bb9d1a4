"""What experiments are made of: data as flat arrays, nets with and without normalization, and training that counts steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from minigrad import data, nn, optim
from minigrad.backends import Array
from minigrad.data import DataLoader, TensorDataset
from minigrad.nn import functional as F
from minigrad.random import Generator
from minigrad.training import NotFiniteError, Trainer, accuracy

ACTIVATIONS: dict[str, type[nn.Module]] = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}
CHANCE = 0.1  #: accuracy that a net with a loss that is not finite is taken to have

Norm = Callable[[int], nn.Module] | None


class MissingDataError(ValueError):
    """Data that an experiment needs is not there."""


class Sets(NamedTuple):
    """Inputs and labels to train with, and to test with."""

    x: Array
    y: Array
    x_test: Array
    y_test: Array

    def some(self, n: int, seed: int) -> Sets:
        """Return sets with n of the training samples, others for each seed."""
        pick = np.random.default_rng(seed).permutation(len(self.x))[:n]
        return Sets(self.x[pick], self.y[pick], self.x_test, self.y_test)


@cache
def digits() -> Sets:
    """Return the 8 x 8 digits that minigrad ships, flat: 1437 and 360. One test digit is 0.28 points."""
    train, test = data.digits()
    return Sets(*_flat(train), *_flat(test))


@cache
def drawn(n: int, n_test: int, noise: float = 0.25) -> Sets:
    """Return drawn digits of 28 x 28 pixels, flat."""
    return Sets(*_flat(data.drawn_digits(n, noise=noise, seed=0)), *_flat(data.drawn_digits(n_test, noise=noise, seed=1)))


_images: ContextVar[str | None] = ContextVar("images", default=None)


@contextmanager
def images_from(source: str | None) -> Iterator[None]:
    """Within this, `images` are those of ``mnist:FOLDER`` or ``fashion-mnist:FOLDER``; None stands for drawn digits."""
    before = _images.get()
    try:
        _images.set(source)
        yield
    finally:
        _images.set(before)


def images_source() -> str | None:
    """Return where `images` come from."""
    return _images.get()


def images(n: int, n_test: int, noise: float = 0.25) -> Sets:
    """Return images of 28 x 28 pixels, flat: drawn digits or, where `images_from` says so, the first ones of a set that the user has."""
    source = images_source()
    if source is None:
        return drawn(n, n_test, noise)
    sets = _on_disk(source)
    return Sets(sets.x[:n], sets.y[:n], sets.x_test[:n_test], sets.y_test[:n_test])


@cache
def _on_disk(source: str) -> Sets:
    kind, _, folder = source.partition(":")
    readers = {"mnist": data.mnist, "fashion-mnist": data.fashion_mnist}
    if kind not in readers or not folder:
        raise MissingDataError(f"{source!r} is no set of images: write mnist:FOLDER or fashion-mnist:FOLDER, with its four files there")
    train, test = readers[kind](folder)
    return Sets(*_flat(train), *_flat(test))


def _flat(split: TensorDataset) -> tuple[Array, Array]:
    x, y = split.arrays
    return x.reshape(len(x), -1), y


def net(
    widths: Sequence[int],
    activation: str = "relu",
    norm: Norm = None,
    *,
    place: str = "before",
    start: str | float = "default",
    dropout: float = 0.0,
    bias_under_norm: bool = False,
    seed: int = 0,
) -> nn.Sequential:
    """Return widths[0] - ... - widths[-1] with an activation after each hidden layer.

    Parameters
    ----------
    norm
        Makes a normalization of a width: ``nn.BatchNorm1d``, ``nn.LayerNorm``.
    place
        ``"before"`` or ``"after"`` each activation, or on the ``"input"`` alone.
    start
        A standard deviation, or ``"default"``, ``"xavier"``, ``"he"``, ``"orthogonal"``.
    bias_under_norm
        Keep the biases that a normalization makes useless.
    """
    mg.manual_seed(seed)
    layers: list[nn.Module] = [norm(widths[0])] if norm and place == "input" else []
    for before, width in pairwise(widths[:-1]):
        under = norm is not None and place == "before"
        layers.append(nn.Linear(before, width, bias=not under or bias_under_norm))
        layers += [norm(width)] if norm and under else []
        layers.append(ACTIVATIONS[activation]())
        layers += [norm(width)] if norm and place == "after" else []
        layers += [nn.Dropout(dropout)] if dropout else []
    return started(nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1])), start)


def started(model: nn.Sequential, start: str | float) -> nn.Sequential:
    """Give a net a start; biases become 0 unless it is the default one."""
    if start == "default":
        return model
    named: dict[str | float, Callable[[Any], Any]] = {
        "xavier": nn.init.xavier_normal_,
        "he": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
        "orthogonal": nn.init.orthogonal_,
    }
    return nn.init.weights_(model, named[start] if isinstance(start, str) else lambda w: nn.init.normal_(w, 0.0, start))


@dataclass
class Curve:
    """Accuracy on the test data after so many steps. ``broken``: the loss became infinite or NaN."""

    step: list[int] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    broken: bool = False

    @property
    def last(self) -> float:
        """Accuracy at the end."""
        return self.accuracy[-1]

    def steps_to(self, target: float) -> float:
        """Return the first step with that accuracy, or infinity."""
        return next((float(s) for s, a in zip(self.step, self.accuracy, strict=True) if a >= target), float("inf"))


def train(
    model: nn.Module,
    sets: Sets,
    lr: float,
    steps: int,
    *,
    batch: int = 60,
    seed: int = 0,
    every: int | None = None,
    target: float | None = None,
    optimizer: Callable[[nn.Module], optim.Optimizer] | None = None,
    schedule: Callable[[optim.Optimizer], Any] | None = None,
    transform: Any = None,
    watch: Callable[[int], None] | None = None,
    capture: bool = True,
) -> Curve:
    """Train by plain SGD, or another optimizer, for so many steps; test at the start, each ``every`` steps and at the end.

    Steps are captured where they can be, with the same bits. ``target`` ends it at that accuracy; ``watch(step)`` looks at the same steps.
    """
    made = optimizer(model) if optimizer else optim.SGD(model.parameters(), lr)
    loader = DataLoader(TensorDataset(sets.x, sets.y), batch, shuffle=True, drop_last=True, generator=Generator(seed), transform=transform)
    trainer = Trainer(model, made, F.cross_entropy, scheduler=schedule(made) if schedule else None, capture=capture)
    curve = Curve()

    def test(step: int) -> bool:
        curve.step.append(step)
        curve.accuracy.append(accuracy_of(model, sets.x_test, sets.y_test))
        if watch:
            watch(step)
        return target is not None and curve.last >= target

    with np.errstate(all="ignore"):
        try:
            if not test(0):
                trainer.fit(loader, steps=steps, every=every, until=lambda line: test(line["step"]))
        except NotFiniteError:
            curve.step.append(steps)
            curve.accuracy.append(CHANCE)
            curve.broken = True
    model.train()
    return curve


def accuracy_of(model: nn.Module, x: Array, y: Array) -> float:
    """Return the accuracy in evaluation mode; of outputs that are not finite, that of chance."""
    out = outputs(model, x)
    return accuracy(out, y) if np.isfinite(out).all() else CHANCE


def outputs(model: nn.Module, x: Array, *, training: bool = False) -> Array:
    """Return what a model computes in evaluation mode, or in training mode, and leave it as it was."""
    was = model.training
    try:
        model.train(training)
        with mg.no_grad(), nn.statistics_kept(model), np.errstate(all="ignore"):
            out: Array = model(mg.as_tensor(x)).data
            return out
    finally:
        model.train(was)


def gradients(model: nn.Module, x: Array, y: Array) -> list[float]:
    """Return the norm of the loss's gradient by each linear layer's weight, in training mode; the model stays as it is."""
    model.train()
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    with nn.statistics_kept(model):
        loss = F.cross_entropy(model(mg.as_tensor(x)), mg.as_tensor(y))
        return [float(np.linalg.norm(g.data)) for g in mg.grad(loss, weights)]


def fewest(cells: Mapping[Any, Sequence[float]]) -> Any:
    """Return the key whose values, such as steps, are the fewest on average; infinity counts as a million."""
    return min(cells, key=lambda key: float(np.mean(np.minimum(cells[key], 1e6))))


def most(cells: Mapping[Any, Sequence[float]]) -> Any:
    """Return the key whose values, such as accuracies, are the greatest on average."""
    return max(cells, key=lambda key: float(np.mean(cells[key])))


def norm_of(arm: str) -> Norm:
    """Return what makes the normalization of an arm: none for ``plain``, batch norm for ``BN``, and its rivals."""
    arms: dict[str, Norm] = {
        "plain": None,
        "BN": nn.BatchNorm1d,
        "renorm": nn.BatchRenorm,
        "layer": nn.LayerNorm,
        "group": lambda width: nn.GroupNorm(8, width),
    }
    return arms[arm]


def inputs_of(model: nn.Module, kind: type[nn.Module], x: Array, *, training: bool = False) -> list[Array]:
    """Return what goes into each layer of a class, first to last; the model stays as it is."""
    with nn.activations(model, kind) as seen:
        outputs(model, x, training=training)
    return [tensor.data for tensor in seen.inputs.values()]


@cache
def mnist1d() -> Sets:
    """Return MNIST-1D, 4000 and 1000 series of 40 values, made by the package ``mnist1d`` (extra ``lab``). (Greydanus, 2020.)"""
    try:
        from mnist1d.data import get_dataset_args, make_dataset
    except ImportError:
        raise MissingDataError("MNIST-1D is made by the package mnist1d: pip install 'minigrad-checked[lab]'") from None
    state = np.random.get_state()  # noqa: NPY002  (the package seeds NumPy's own generator)
    try:
        made = make_dataset(get_dataset_args())
    finally:
        np.random.set_state(state)  # noqa: NPY002
    inputs = [np.asarray(made[name], dtype=np.float32) for name in ("x", "x_test")]
    labels = [np.asarray(made[name], dtype=np.int64) for name in ("y", "y_test")]
    return Sets(inputs[0], labels[0], inputs[1], labels[1])
