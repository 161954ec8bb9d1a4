"""Samplers: in which order a loader visits a dataset. Each is an iterable of indices that can be gone through again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any

import numpy as np

from minigrad.core.tensor import array_of
from minigrad.random import Generator, default_generator


class SequentialSampler:
    """0, 1, 2, ..."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __len__(self) -> int:
        return len(self.data_source)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))


class RandomSampler:
    """All indices in random order; with ``replacement``, each drawn from all of them."""

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None, generator: Generator | None = None
    ) -> None:
        self.data_source, self.replacement = data_source, replacement
        self.num_samples = len(data_source) if num_samples is None else num_samples
        self.generator = default_generator if generator is None else generator
        if self.num_samples <= 0:
            raise ValueError(f"RandomSampler: there must be something to sample; num_samples is {self.num_samples}")

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        n, wanted = len(self.data_source), self.num_samples
        if self.replacement:
            yield from self.generator.integers(n, shape=wanted).tolist()
            return
        while wanted > 0:
            yield from self.generator.permutation(n)[:wanted].tolist()
            wanted -= n


class SubsetRandomSampler:
    """The given indices in random order."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = default_generator if generator is None else generator

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[int]:
        return iter([self.indices[int(i)] for i in self.generator.permutation(len(self.indices))])


class WeightedRandomSampler:
    """Indices drawn with probabilities in proportion to ``weights``, which need not add up to 1."""

    def __init__(self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Generator | None = None) -> None:
        self.weights = np.asarray(array_of(weights), dtype=np.float64)
        if self.weights.ndim != 1 or not (self.weights >= 0).all() or not 0 < self.weights.sum() < np.inf:
            raise ValueError("WeightedRandomSampler: weights must be a list of numbers, none negative and not all zero")
        if not replacement and num_samples > np.count_nonzero(self.weights):
            raise ValueError(f"WeightedRandomSampler: {num_samples} samples without replacement from {np.count_nonzero(self.weights)}")
        self.num_samples, self.replacement = num_samples, replacement
        self.generator = default_generator if generator is None else generator

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        if self.replacement:
            cumulative = np.cumsum(self.weights)
            u = self.generator.uniform(self.num_samples, dtype=np.float64, device="cpu").numpy()
            drawn = np.searchsorted(cumulative, u * cumulative[-1], side="right")
            return iter(np.minimum(drawn, np.flatnonzero(self.weights)[-1]).tolist())
        # Efraimidis and Spirakis, 2006: the largest of u^(1/w) are a weighted sample without replacement
        u = self.generator.uniform(len(self.weights), dtype=np.float64, device="cpu").numpy()
        with np.errstate(divide="ignore"):
            keys = np.where(self.weights > 0, np.log(1 - u) / self.weights, -np.inf)
        return iter(np.argsort(-keys, kind="stable")[: self.num_samples].tolist())


class BatchSampler:
    """Lists of ``batch_size`` indices from another sampler; the last may be shorter, or is left out with ``drop_last``."""

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool = False) -> None:
        if batch_size <= 0:
            raise ValueError(f"BatchSampler: batch_size must be positive, not {batch_size}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __len__(self) -> int:
        n: int = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[list[Any]]:
        indices = list(self.sampler)
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            yield indices[start : start + self.batch_size]
