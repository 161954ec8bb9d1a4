"""What a trainer and its `fit` refuse, each with what was expected."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

from minigrad import nn
from minigrad.data.dataset import Dataset
from minigrad.optim import Optimizer


def check_parts(model: Any, optimizer: Any, loss: Any) -> None:
    """Refuse what a trainer cannot be made of, and an optimizer that would train nothing without a word."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"Trainer: model must be a Module, not a {type(model).__name__}")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"Trainer: optimizer must be an Optimizer, not a {type(optimizer).__name__}")
    if not callable(loss) or isinstance(loss, type):
        kind = f"the class {loss.__name__}" if isinstance(loss, type) else f"a {type(loss).__name__}"
        expected = "a function of output and target, such as F.cross_entropy or nn.CrossEntropyLoss()"
        raise TypeError(f"Trainer: loss must be {expected}, not {kind}")
    known = {id(p) for p in model.parameters()}
    if not any(id(p) in known for group in optimizer.param_groups for p in group["params"]):
        raise ValueError("Trainer: the optimizer has none of the model's parameters; make it of model.parameters()")


def check_loader(loader: Any, name: str) -> None:
    """Refuse what gives no batches; any list of them will do."""
    if isinstance(loader, Dataset):
        made = "as DataLoader(dataset, batch_size=32) makes"
        raise TypeError(f"{name} must be a DataLoader, {made}, not a {type(loader).__name__}")
    if isinstance(loader, Sized) and not len(loader):
        raise ValueError(f"{name} has no batches; is batch_size larger than the data set, with drop_last?")


def check_length(epochs: Any, steps: Any, every: Any) -> None:
    """Refuse a length that is given twice or not at all, and one that is none."""
    if (epochs is None) == (steps is None):
        raise TypeError("fit: say how long to train by one of epochs and steps")
    if every is not None and steps is None:
        raise TypeError("fit: every counts steps, and goes with steps; with epochs there is a line for each of them")
    if epochs is not None and (not isinstance(epochs, int) or epochs < 0):
        raise ValueError(f"fit: epochs must be an integer, 0 or more, not {epochs!r}")
    for name, value in (("steps", steps), ("every", every)):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ValueError(f"fit: {name} must be a positive integer, not {value!r}")
