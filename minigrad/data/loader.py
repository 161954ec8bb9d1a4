"""DataLoader: batches of a dataset, in an order that can be repeated, saved in the middle and continued."""

from __future__ import annotations

import contextvars
import queue
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, repeat
from typing import Any

import numpy as np

from minigrad._system import THREADS
from minigrad.backends import is_array
from minigrad.core.device import Device, as_device, move
from minigrad.core.tensor import Tensor, wrap
from minigrad.data.dataset import Dataset
from minigrad.random import Generator, default_generator

Transform = Callable[[Any, Generator], Any]


class DataLoader:
    """Goes through a dataset in batches of Tensors; each ``for`` loop is one epoch.

    Parameters
    ----------
    dataset
        What to load. One that has a ``batch`` method is asked for whole batches.
    batch_size
        Items in a batch.
    shuffle
        Visit the items in a new random order each epoch.
    sampler, batch_sampler
        Other orders: an iterable of indices, or of lists of them. They exclude ``shuffle``.
    collate_fn
        Makes a batch of a list of items, in place of the dataset's ``batch``.
    drop_last
        Leave out the last batch if it is smaller than the others.
    generator
        Where random orders come from. By default a generator of the loader's own, with a seed drawn from the default
        generator: `minigrad.manual_seed` then fixes the orders, whatever else uses random numbers.
    transform
        ``transform(batch, generator)`` changes each batch, a tuple of arrays, as it is loaded (`minigrad.data.transforms`).
        The generator belongs to that batch alone.
    prefetch
        Batches to prepare ahead in a background thread; where there are no threads, in a browser, none are.
    device
        Where to put the batches. By default they stay where the dataset is.
    shard
        A group of ranks (`minigrad.distributed`), each of which gets its part of every batch: the parts differ in length by one at
        most, and may be empty. Order, position and saved state are those of the whole batches, so they do not depend on
        the number of ranks; ``batch_size`` and ``len`` are theirs, too. All ranks must go through the loader together.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[list[int]] | None = None,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        drop_last: bool = False,
        generator: Generator | None = None,
        *,
        transform: Transform | None = None,
        prefetch: int = 0,
        device: str | Device | None = None,
        shard: Any = None,
    ) -> None:
        if isinstance(dataset, tuple):
            raise TypeError("DataLoader: the data set is a tuple; give one part of it, such as data.digits().train")
        if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
            raise TypeError(f"DataLoader: the data set must have a length and items, as lists have; a {type(dataset).__name__} has not")
        if not isinstance(batch_size, (int, np.integer)) or batch_size <= 0:
            raise ValueError(f"DataLoader: batch_size must be a positive integer, not {batch_size!r}")
        if (shuffle and (sampler is not None or batch_sampler is not None)) or (sampler is not None and batch_sampler is not None):
            raise ValueError("DataLoader: give one of shuffle, sampler and batch_sampler")
        if batch_sampler is not None and (batch_size != 1 or drop_last):
            raise ValueError("DataLoader: batch_sampler makes the batches; leave out batch_size and drop_last")
        self.dataset, self.batch_size, self.shuffle, self.drop_last = dataset, int(batch_size), shuffle, drop_last
        self.sampler, self.batch_sampler, self.transform, self.prefetch = sampler, batch_sampler, transform, prefetch
        self._make = self._batch_maker(collate_fn)
        self.device = None if device is None else as_device(device)
        self.shard = shard
        random = shuffle or transform is not None  # other loaders leave the default generator alone
        seed = int(default_generator.bits(1, "cpu")[0]) if random and generator is None else 0
        self.generator = Generator(seed) if generator is None else generator
        self._epoch: _Epoch | None = None  # the one that is going on
        self._continue = False

    def __len__(self) -> int:
        if self.batch_sampler is not None:
            return len(self.batch_sampler)  # type: ignore[arg-type]
        n: int = len(self.dataset if self.sampler is None else self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        if self._continue and self._epoch is not None:
            epoch = self._epoch
        else:
            seed = int(self.generator.bits(1, "cpu")[0])
            epoch = self._epoch = _Epoch(seed, self._order(Generator(seed)), 0)
        self._continue = False
        if self.shard is not None:
            self.shard.agree("the order of the data", zlib.crc32(np.concatenate([*epoch.batches, np.zeros(0, np.int64)]).tobytes()))
        todo = range(epoch.position, len(epoch.batches))
        load = lambda k: self._load(epoch, k)
        for k, batch in zip(todo, _ahead(load, todo, self.prefetch) if self.prefetch and THREADS else map(load, todo), strict=True):
            epoch.position = k + 1
            yield batch
        if self._epoch is epoch:
            self._epoch = None

    def forever(self) -> Iterator[Any]:
        """Yield batches without end: epoch after epoch, each in an order of its own where ``shuffle`` says so.

        Raises
        ------
        ValueError
            If the loader has no batches.

        Examples
        --------
        >>> loader = mg.data.DataLoader(range(3), batch_size=2, collate_fn=list)
        >>> stream = loader.forever()
        >>> [next(stream) for _ in range(3)]
        [(0, 1), (2,), (0, 1)]
        """
        if not len(self):
            raise ValueError("forever: the loader has no batches; is batch_size larger than the data set, with drop_last?")
        return chain.from_iterable(repeat(self))

    def state_dict(self) -> dict[str, Any]:
        """Return where the loader is: the generator and, within an epoch, its order and position."""
        state: dict[str, Any] = {"generator": self.generator.state, "epoch": None}
        if self._epoch is not None:
            lengths = np.array([len(b) for b in self._epoch.batches], dtype=np.int64)
            order = np.concatenate([*self._epoch.batches, np.zeros(0, np.int64)])
            where = {"seed": self._epoch.seed, "position": self._epoch.position}
            state["epoch"] = {**where, "order": Tensor(order), "lengths": Tensor(lengths)}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to where `state_dict` was taken: the next ``for`` loop continues that epoch."""
        epoch = None
        if state["epoch"] is not None:
            order, lengths = (np.asarray(state["epoch"][name].data, dtype=np.int64) for name in ("order", "lengths"))
            position = int(state["epoch"]["position"])
            if lengths.sum() != order.size or not 0 <= position <= lengths.size or (lengths < 0).any():
                raise ValueError("DataLoader: the saved position and the saved order do not belong together")
            if order.size and not 0 <= order.min() <= order.max() < len(self.dataset):
                raise ValueError(f"DataLoader: the saved order is of another dataset; this one has {len(self.dataset)} items")
            batches = np.split(order, np.cumsum(lengths)[:-1]) if lengths.size else []
            epoch = _Epoch(int(state["epoch"]["seed"]), batches, position)
        self.generator.state = state["generator"]
        self._epoch, self._continue = epoch, epoch is not None

    def _order(self, generator: Generator) -> list[Any]:
        """Return the indices of each batch of an epoch."""
        if self.batch_sampler is not None:
            return [np.asarray(batch, dtype=np.int64) for batch in self.batch_sampler]
        if self.sampler is not None:
            order = np.fromiter(self.sampler, dtype=np.int64)
        else:
            order = generator.permutation(len(self.dataset)) if self.shuffle else np.arange(len(self.dataset))
        stop = len(order) - len(order) % self.batch_size if self.drop_last else len(order)
        return [order[start : start + self.batch_size] for start in range(0, stop, self.batch_size)]

    def _batch_maker(self, collate_fn: Callable[[list[Any]], Any] | None) -> Callable[[Any], Any]:
        dataset = self.dataset
        if collate_fn is not None:
            return lambda indices: collate_fn([dataset[int(i)] for i in indices])
        return dataset.batch if hasattr(dataset, "batch") else lambda indices: Dataset.batch(dataset, indices)

    @property
    def whole_batch(self) -> int:
        """Items in the batch that the loop is at: on all ranks together, where there is a ``shard``."""
        if self._epoch is None or not self._epoch.position:
            raise RuntimeError("DataLoader: whole_batch is about the batch of a for loop, and none is going on")
        return len(self._epoch.batches[self._epoch.position - 1])

    def _load(self, epoch: _Epoch, k: int) -> Any:
        indices, rank = epoch.batches[k], 0
        if self.shard is not None:
            indices, rank = self.shard.part(indices), self.shard.rank
        batch = self._make(indices if len(indices) else epoch.batches[k][:1])  # of no items, many data sets make no batch
        if self.transform is not None:
            batch = self.transform(batch, Generator(epoch.seed + (k + 1 << 64) + (rank << 96)))  # a stream for each batch and rank
        return _as_tensors(batch if len(indices) else _emptied(batch), self.device)


class _Epoch:
    """One pass through the dataset: a seed, the indices of each batch, and how many batches were handed out."""

    def __init__(self, seed: int, batches: list[Any], position: int) -> None:
        self.seed, self.batches, self.position = seed, batches, position


def _as_tensors(batch: Any, device: Device | None) -> Any:
    """Return a batch with its arrays as Tensors on the device."""
    if is_array(batch):
        return wrap(batch if device is None else move(batch, device), None)
    if isinstance(batch, (tuple, list)):
        return tuple([_as_tensors(part, device) for part in batch])
    return {key: _as_tensors(part, device) for key, part in batch.items()} if isinstance(batch, Mapping) else batch


def _emptied(batch: Any) -> Any:
    """Return a batch without its items."""
    if is_array(batch):
        return batch[:0]
    if isinstance(batch, (tuple, list)):
        return tuple([_emptied(part) for part in batch])
    return {key: _emptied(part) for key, part in batch.items()} if isinstance(batch, Mapping) else batch


def _ahead(function: Callable[[int], Any], todo: Iterable[int], depth: int) -> Iterator[Any]:
    """Yield ``function(k)`` for each k, computed up to ``depth`` ahead in another thread."""
    results: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: tuple[Any, BaseException | None]) -> bool:
        while not stop.is_set():
            try:
                results.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for k in todo:
                if not put((function(k), None)):
                    return
            put((None, StopIteration()))
        except BaseException as error:  # handed over to the thread that wants the batches
            put((None, error))

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True, name="minigrad-loader")
    thread.start()
    try:
        while True:
            result, error = results.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield result
    finally:
        stop.set()
        thread.join()
