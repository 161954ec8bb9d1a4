"""Datasets: things with a length and an item for each index. (Read this first in data/, then loader.py.)

A `Dataset` that keeps its data in arrays can hand out a whole batch by one indexing operation (`Dataset.batch`), which
is what makes the loader fast; any other one is read item by item.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.backends import Array
from minigrad.core.device import device_of, move
from minigrad.core.tensor import as_array
from minigrad.data.collation import collate
from minigrad.random import Generator, default_generator


class Dataset:
    """Something with ``len(dataset)`` and ``dataset[i]``. Subclass it and write ``__len__`` and ``__getitem__``."""

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__}.__len__")

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}.__getitem__")

    def batch(self, indices: Array) -> Any:
        """Return the items at ``indices`` as a batch: tuples of arrays, the items along the first axis."""
        return collate([self[int(i)] for i in indices])


class TensorDataset(Dataset):
    """Arrays whose first axes run over the items: ``dataset[i]`` is the tuple of their i-th parts.

    Parameters
    ----------
    arrays
        Arrays or Tensors of one length, on any one device.
    classes
        Names of the classes, where the last array holds labels.
    columns
        Names of the features, where the first array is a table.
    """

    def __init__(self, *arrays: Any, classes: Sequence[str] = (), columns: Sequence[str] = ()) -> None:
        self.arrays = tuple(as_array(a) for a in arrays)
        self.classes, self.columns = tuple(classes), tuple(columns)
        lengths = [a.shape[0] if a.ndim else None for a in self.arrays]
        if not lengths or None in lengths or len(set(lengths)) != 1:
            raise ValueError(f"TensorDataset: the arrays must have first axes of one length; they have {lengths}")

    def __len__(self) -> int:
        return int(self.arrays[0].shape[0])

    def __repr__(self) -> str:
        parts = [f"{a.dtype}{list(a.shape[1:]) or ''}" for a in self.arrays]
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"{type(self).__name__}({len(self):,} items of {', '.join(parts)}{classes})"

    def __getitem__(self, index: Any) -> tuple[Array, ...]:
        return tuple(a[index] for a in self.arrays)

    def batch(self, indices: Array) -> tuple[Array, ...]:
        indices = indices.astype(np.intp, copy=False)  # as NumPy wants them on 32 bits
        return tuple([a.take(move(indices, device_of(a)), axis=0) for a in self.arrays])


class Subset(Dataset):
    """The items of a dataset at some indices."""

    def __init__(self, dataset: Dataset, indices: Sequence[int] | Array) -> None:
        self.dataset, self.indices = dataset, np.asarray(indices, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        return self.dataset[int(self.indices[index])]

    def batch(self, indices: Array) -> Any:
        return self.dataset.batch(self.indices[indices])


class ConcatDataset(Dataset):
    """Datasets one after another."""

    def __init__(self, datasets: Sequence[Dataset]) -> None:
        if not datasets:
            raise ValueError("ConcatDataset needs at least one dataset")
        self.datasets = list(datasets)
        self.ends = np.cumsum([len(d) for d in self.datasets])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, index: int) -> Any:
        i = index + len(self) if index < 0 else index
        if not 0 <= i < len(self):
            raise IndexError(f"index {index} of a dataset with {len(self)} items")
        which = int(np.searchsorted(self.ends, i, side="right"))
        return self.datasets[which][i - int(self.ends[which - 1] if which else 0)]


def random_split(dataset: Dataset, lengths: Sequence[float], generator: Generator | None = None) -> list[Subset]:
    """Split a dataset at random into parts of the given lengths, or shares of the whole that add up to 1."""
    ends = _ends(len(dataset), lengths, "random_split")
    order = (default_generator if generator is None else generator).permutation(len(dataset))
    return [Subset(dataset, part) for part in np.split(order, ends)]


def stratified_split(dataset: Dataset, lengths: Sequence[float], labels: Any = None, generator: Generator | None = None) -> list[Subset]:
    """Split a dataset at random so that each part has the classes in the shares of the whole, to within one item of each class.

    Parameters
    ----------
    dataset, lengths, generator
        As for `random_split`.
    labels
        The class of each item, integers of shape (n,); by default the last array of a `TensorDataset`.

    Notes
    -----
    The items of each class are shuffled, and all items sorted by how far down they stand in their class, from 0 to 1: each part of this
    order has its share of every class.
    """
    if labels is None:
        if not isinstance(dataset, TensorDataset):
            raise ValueError(f"stratified_split: pass labels; {type(dataset).__name__} does not tell the class of its items")
        labels = dataset.arrays[-1]
    classes = np.asarray(as_array(labels))
    if classes.shape != (len(dataset),) or classes.dtype.kind not in "biu":
        raise ValueError(f"stratified_split: labels must be {len(dataset)} integers, not {classes.dtype} of shape {classes.shape}")
    ends = _ends(len(dataset), lengths, "stratified_split")
    shuffled = (default_generator if generator is None else generator).permutation(len(dataset))
    depth = np.empty(len(dataset))
    for k in np.unique(classes):
        members = shuffled[classes[shuffled] == k]
        depth[members] = (np.arange(len(members)) + 0.5) / len(members)
    order = shuffled[np.argsort(depth[shuffled], kind="stable")]
    return [Subset(dataset, part) for part in np.split(order, ends)]


def _ends(n: int, lengths: Sequence[float], function: str) -> np.ndarray[Any, Any]:
    """Return where each part but the last ends."""
    if all(isinstance(x, (int, np.integer)) for x in lengths) and sum(lengths) == n:
        counts = [int(x) for x in lengths]
    elif abs(sum(lengths) - 1) < 1e-9 and all(0 <= x <= 1 for x in lengths):
        counts = [int(n * x) for x in lengths]
        for i in range(n - sum(counts)):
            counts[i % len(counts)] += 1
    else:
        raise ValueError(f"{function}: lengths must add up to {n}, or shares to 1; {list(lengths)} adds up to {sum(lengths)}")
    return np.cumsum(counts)[:-1]
