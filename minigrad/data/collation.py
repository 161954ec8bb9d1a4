"""From a list of items to a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minigrad.backends import is_array, namespace
from minigrad.core.tensor import Tensor, as_array


def collate(items: list[Any]) -> Any:
    """Stack items along a new first axis: arrays, Tensors and numbers become arrays; tuples, lists and dicts stay such.

    Strings stay a list. Python floats become float32, as in `minigrad.core.tensor`.
    """
    first = items[0]
    if isinstance(first, Tensor) or is_array(first):
        arrays = [as_array(item) for item in items]
        shapes = {a.shape for a in arrays}
        if len(shapes) > 1:
            found = ", ".join(map(str, sorted(shapes)))
            raise ValueError(f"a batch needs items of one shape; these have {found}: pad them or pass collate_fn")
        return namespace(arrays[0]).stack(arrays)
    if isinstance(first, (bool, int, float)):
        return as_array(items)
    if isinstance(first, str):
        return list(items)
    if isinstance(first, Mapping):
        return {key: collate([item[key] for item in items]) for key in first}
    if isinstance(first, (tuple, list)):
        if len({len(item) for item in items}) > 1:
            raise ValueError("a batch needs items with one number of parts; pass collate_fn")
        return tuple(collate(list(parts)) for parts in zip(*items, strict=True))
    raise TypeError(f"items of type {type(first).__name__} cannot be made a batch; pass collate_fn")
