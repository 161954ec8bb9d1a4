"""PyTorch's indexing and sorting."""

import numpy as np
import torch
from torch.nn import functional


def positions(shape, key):
    """What an index picks, as places in the flat array: NumPy's rules, which PyTorch does not have for negative steps."""
    return torch.from_numpy(np.array(np.arange(int(np.prod(shape))).reshape(shape)[key]))


def getitem(x, key):
    return torch.take(x, positions(x.shape, key))


def add_at(x, updates, key):
    at = positions(x.shape, key)
    return x.reshape(-1).index_add(0, at.reshape(-1), updates.broadcast_to(at.shape).reshape(-1)).reshape(x.shape)


def take(x, indices, axis=None):
    axis = 0 if axis is None else axis % x.ndim
    indices = indices % x.shape[axis]
    y = torch.index_select(x, axis, indices.reshape(-1))
    return y.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


def index_add(x, indices, updates, axis=None):
    axis = 0 if axis is None else axis % x.ndim
    indices = indices % x.shape[axis]
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    updates = updates.broadcast_to(shape).reshape(*x.shape[:axis], -1, *x.shape[axis + 1 :])
    return torch.index_add(x, axis, indices.reshape(-1), updates)


def scatter_add(x, indices, updates, axis=-1):
    return torch.scatter_add(x, axis, indices, updates.broadcast_to(indices.shape))


def one_hot(indices, num_classes, dtype=np.float32):
    return functional.one_hot(indices, num_classes).to(torch.from_numpy(np.zeros(0, dtype)).dtype)


def embedding(weight, indices, padding_idx=None):
    """PyTorch's takes matrices only, so what each index stands for is made a row."""
    rows = functional.embedding(indices, weight.reshape(len(weight), -1), padding_idx)
    return rows.reshape(*indices.shape, *weight.shape[1:])


REFERENCES = {
    "getitem": getitem,
    "add_at": add_at,
    "take": take,
    "index_add": index_add,
    "embedding": embedding,
    "take_along_axis": lambda x, indices, axis=-1: torch.take_along_dim(x, indices % x.shape[axis], axis),
    "scatter_add": scatter_add,
    "put_along_axis": lambda x, indices, values, axis=-1: torch.scatter(x, axis, indices, values),
    "one_hot": one_hot,
    "searchsorted": lambda a, b, side="left": torch.searchsorted(a, b, side=side),
    "argsort": lambda x, axis=-1, descending=False: torch.argsort(x, dim=axis, descending=descending, stable=True),
    "sort": lambda x, axis=-1, descending=False: tuple(torch.sort(x, dim=axis, descending=descending, stable=True)),
    "topk": lambda x, k, axis=-1, largest=True: tuple(torch.topk(x, k, dim=axis, largest=largest)),
}
