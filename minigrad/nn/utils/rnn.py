"""Sequences of different lengths as one batch, with PyTorch's names: padded to one length, or packed without padding.

Packed, the elements of all sequences lie end to end, step by step: first those of step 0, the longest sequence first, then those of
step 1 for the sequences that have one, and so on. Padded or packed, an element is a row of a matrix, and each way is a `take` of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad import ops
from minigrad.core._capturing import recorded
from minigrad.core.device import move, to_host
from minigrad.core.tensor import Tensor, as_array

__all__ = ["PackedSequence", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence", "pad_sequence", "unpad_sequence"]

Integers = np.ndarray[Any, Any]


class PackedSequence(NamedTuple):
    """Sequences of different lengths without padding; `minigrad.nn.RNN`, `LSTM` and `GRU` take one in place of a batch.

    Attributes
    ----------
    data : (sum of the lengths, ...)
        Their elements, step by step.
    batch_sizes : (T,), integers
        How many sequences have an element at each step.
    sorted_indices : (N,), integers, or None
        The numbers of the sequences, the longest first; None if that is how they came.
    unsorted_indices : (N,), integers, or None
        Where each sequence stands in that order.
    """

    data: Tensor
    batch_sizes: Integers
    sorted_indices: Integers | None = None
    unsorted_indices: Integers | None = None

    @property
    def lengths(self) -> Integers:
        """The length of each sequence, in the order in which they came."""
        lengths = (self.batch_sizes[:, None] > np.arange(self.batch_sizes[0])).sum(axis=0)
        return lengths if self.unsorted_indices is None else lengths[self.unsorted_indices]


def pack_padded_sequence(input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True) -> PackedSequence:
    """Pack a padded batch.

    Parameters
    ----------
    input : (T, N, ...), or (N, T, ...) where ``batch_first`` is set
    lengths : (N,), integers from 1 to T
        A list, an array or a tensor; Python looks at them, so they cannot be the arguments of a captured step.
    enforce_sorted
        Whether lengths that do not fall from one sequence to the next are an error. If not, sequences are sorted.

    Raises
    ------
    ValueError
        If lengths do not fit the batch, or are not sorted.
    """
    if input.ndim < 2:
        raise ValueError(f"pack_padded_sequence: the input has shape {input.shape}; expected steps and a batch")
    x = input.swapaxes(0, 1) if batch_first else input
    t, n = x.shape[:2]
    counts = checked_lengths("pack_padded_sequence", lengths, n, t)
    sizes = (counts > np.arange(counts.max())[:, None]).sum(axis=1)
    if not (counts[1:] > counts[:-1]).any():
        return PackedSequence(end_to_end(x, sizes, None), sizes)
    if enforce_sorted:
        raise ValueError("pack_padded_sequence: lengths must fall from one sequence to the next; enforce_sorted=False has them sorted")
    order = np.argsort(-counts, kind="stable")
    return PackedSequence(end_to_end(x, sizes, order), sizes, order, np.argsort(order))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return a padded batch, (T, N, ...) or (N, T, ...), and the lengths of its sequences, in the order in which they came.

    ``total_length`` is T, where that is to be more than the longest.
    """
    if not isinstance(sequence, PackedSequence):
        raise TypeError(f"pad_packed_sequence takes a PackedSequence, not a {type(sequence).__name__}")
    lengths, sizes = sequence.lengths, sequence.batch_sizes
    t = len(sizes) if total_length is None else total_length
    if t < len(sizes):
        raise ValueError(f"pad_packed_sequence: total_length is {t}, and the longest sequence has {len(sizes)} steps")
    there = np.arange(t)[:, None] < lengths
    starts = np.concatenate([np.cumsum(sizes) - sizes, np.zeros(t - len(sizes), int)])
    places = np.arange(len(lengths)) if sequence.unsorted_indices is None else sequence.unsorted_indices
    padded = taken(sequence.data, np.where(there, starts[:, None] + places, 0).reshape(-1))
    if not there.all():
        mask = there.reshape((-1, *[1] * (padded.ndim - 1)))
        padded = ops.where(move(mask, padded.device), padded, padded.dtype.type(padding_value))
    padded = padded.reshape((t, len(lengths), *sequence.data.shape[1:]))
    return padded.swapaxes(0, 1) if batch_first else padded, Tensor(lengths)


def pad_sequence(sequences: Sequence[Any], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right") -> Tensor:
    """Stack sequences (L, ...) of different lengths, each brought to the longest one's: (T, N, ...), or (N, T, ...)."""
    if padding_side not in ("left", "right"):
        raise ValueError(f"pad_sequence: padding_side is 'left' or 'right', not {padding_side!r}")
    lengths, x = _listed("pad_sequence", sequences)
    if any(s.shape[1:] != x[0].shape[1:] for s in x):
        raise ValueError(f"pad_sequence: sequences may differ in their first axis alone; they have shapes {[s.shape for s in x]}")
    widths = [(max(lengths) - n, 0) if padding_side == "left" else (0, max(lengths) - n) for n in lengths]
    rest = ((0, 0),) * (x[0].ndim - 1)
    padded = [ops.pad(s, pad_width=(width, *rest), value=padding_value) for s, width in zip(x, widths, strict=True)]
    return ops.stack(padded, axis=0 if batch_first else 1)


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """Return the sequences of a padded batch without their padding."""
    x = padded_sequences if batch_first else padded_sequences.swapaxes(0, 1)
    counts = checked_lengths("unpad_sequence", lengths, x.shape[0], x.shape[1], least=0)
    return [x[i, :count] for i, count in enumerate(counts.tolist())]


def pack_sequence(sequences: Sequence[Any], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (L, ...) of different lengths; see `pack_padded_sequence`."""
    lengths, x = _listed("pack_sequence", sequences)
    return pack_padded_sequence(pad_sequence(x), lengths, enforce_sorted=enforce_sorted)


def checked_lengths(name: str, given: Any, n: int, longest: int, least: int = 1) -> Integers:
    """Return the lengths of N sequences as integers on the host."""
    array = np.asarray(given) if isinstance(given, (list, tuple)) else recorded(as_array(given))
    if array.shape != (n,) or array.dtype.kind not in "iu" or not n:
        raise ValueError(f"{name}: lengths must be integers, one for each of {n} sequences, not {array.dtype} of shape {array.shape}")
    lengths = np.array([int(count) for count in to_host(array)], np.int64)  # of a step that is captured, this is refused
    if not (lengths.min() >= least and lengths.max() <= longest):
        raise ValueError(f"{name}: lengths are from {lengths.min()} to {lengths.max()}; expected numbers from {least} to {longest}")
    return lengths


def _listed(name: str, sequences: Any) -> tuple[list[int], list[Any]]:
    """Return the lengths of some sequences, and these."""
    if not isinstance(sequences, (list, tuple)) or not sequences or not all(getattr(s, "ndim", 0) for s in sequences):
        raise TypeError(f"{name} takes a list of sequences, each a tensor with steps as its first axis, not {sequences!r}")
    return [s.shape[0] for s in sequences], list(sequences)


def end_to_end(x: Any, batch_sizes: Integers, order: Integers | None) -> Any:
    """Return the elements of (T, N, ...) as a `PackedSequence` has them."""
    steps, places = np.nonzero(np.arange(x.shape[1]) < batch_sizes[:, None])
    return taken(rows(x), steps * x.shape[1] + (places if order is None else order[places]))


def rows(x: Any) -> Any:
    """Return (T, N, ...) as (T N, ...)."""
    return x.reshape((x.shape[0] * x.shape[1], *x.shape[2:]))


def taken(x: Any, indices: Integers) -> Any:
    """Return rows of x."""
    return ops.take(x, move(indices, x.device), axis=0)
