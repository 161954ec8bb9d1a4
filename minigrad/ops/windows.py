"""Windows that slide over the spatial axes of an array: what convolution and pooling have in common.

Arrays have the shape (batch, channels, *spatial). A window has ``kernel`` taps along each spatial axis, ``dilation``
apart, so that it reaches over ``dilation * (kernel - 1) + 1`` elements; windows start ``stride`` apart. These are
helpers for the functions of ops, on plain arrays; none of them is an op.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import prod
from operator import index
from typing import Any, cast

from minigrad.backends import Array, Namespace

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]
PerAxis = int | Sequence[int]  #: one integer for all spatial axes, or one for each
Padding = PerAxis | Sequence[tuple[int, int]] | str  #: as `padding_pairs` takes it


def per_axis(value: int | Sequence[int], n: int, name: str, at_least: int = 1) -> Ints:
    """Return ``value`` as one integer for each of ``n`` spatial axes.

    Raises
    ------
    ValueError
        If there are not one or ``n`` of them, or one is not an integer or smaller than ``at_least``.
    """
    given = tuple(value) if isinstance(value, Sequence) else (value,)
    try:
        values = tuple(map(index, given * n if len(given) == 1 else given))
    except TypeError:
        values = ()
    if len(values) != n or any(v < at_least for v in values):
        raise ValueError(f"{name} is {value!r}; expected an integer >= {at_least}, or {n} of them, one for each spatial axis")
    return values


def padding_pairs(padding: Padding, kernel: Ints, stride: Ints, dilation: Ints) -> Pairs:
    """Return how much to pad before and after along each spatial axis.

    ``padding`` is an integer, one for each axis, a pair for each axis, ``"valid"`` (none) or ``"same"`` (as much as
    keeps the length at stride 1, the odd element after). A negative number in a pair cuts off instead.
    """
    n = len(kernel)
    if padding == "valid":
        return ((0, 0),) * n
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ValueError(f"padding='same' needs stride 1, and the stride is {stride}; give the padding in numbers")
        spare = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple((s // 2, s - s // 2) for s in spare)
    if isinstance(padding, str):
        raise ValueError(f"padding is {padding!r}; expected 'same', 'valid', an integer, or {n} of them")
    if isinstance(padding, Sequence) and len(padding) == n and all(isinstance(p, tuple) and len(p) == 2 for p in padding):
        return tuple(cast(Pairs, padding))
    return tuple((p, p) for p in per_axis(cast(PerAxis, padding), n, "padding", 0))


def geometry(kernel: Ints, stride: PerAxis, padding: Padding, dilation: PerAxis) -> tuple[Ints, Pairs, Ints]:
    """Return stride, padding (in pairs) and dilation with an entry for each spatial axis."""
    n = len(kernel)
    stride, dilation = per_axis(stride, n, "stride"), per_axis(dilation, n, "dilation")
    return stride, padding_pairs(padding, kernel, stride, dilation), dilation


def reach(kernel: Ints, dilation: Ints) -> Ints:
    """Return over how many elements a window stretches along each axis."""
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))


def count(size: Ints, kernel: Ints, stride: Ints, dilation: Ints, pairs: Pairs) -> Ints:
    """Return how many windows fit along each axis.

    Raises
    ------
    ValueError
        If not even one does.
    """
    padded = tuple(n + lo + hi for n, (lo, hi) in zip(size, pairs, strict=True))
    needed = reach(kernel, dilation)
    if any(n < r for n, r in zip(padded, needed, strict=True)):
        raise ValueError(
            f"a window of {kernel} with dilation {dilation} reaches over {needed}, more than the input, which is {size} "
            f"and with padding {padded}; use a smaller kernel or more padding"
        )
    return tuple((n - r) // s + 1 for n, r, s in zip(padded, needed, stride, strict=True))


def padded(xp: Namespace, x: Array, pairs: Pairs, value: Array = 0) -> Array:
    """Surround the spatial axes of ``x`` with ``value``; a negative number in a pair cuts off."""
    if any(n < 0 for pair in pairs for n in pair):
        ends = [(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi) in zip(x.shape[2:], pairs, strict=True)]
        x = x[(..., *(slice(*end) for end in ends))]
        pairs = tuple((max(lo, 0), max(hi, 0)) for lo, hi in pairs)
    if not any(n for pair in pairs for n in pair):
        return x
    size = [n + lo + hi for n, (lo, hi) in zip(x.shape[2:], pairs, strict=True)]
    out = xp.full((*x.shape[:2], *size), value, dtype=x.dtype)
    out[(..., *(slice(lo, lo + n) for n, (lo, _) in zip(x.shape[2:], pairs, strict=True)))] = x
    return out


def taps(kernel: Ints, windows: Ints, stride: Ints, dilation: Ints) -> Iterator[tuple[Ints, tuple[Any, ...]]]:
    """Yield each tap of the kernel, in row-major order, and the index that picks its element from every window."""
    for tap in product(*map(range, kernel)):
        starts = [t * d for t, d in zip(tap, dilation, strict=True)]
        yield tap, (..., *(slice(a, a + s * (n - 1) + 1, s) for a, s, n in zip(starts, stride, windows, strict=True)))


def patches(xp: Namespace, x: Array, kernel: Ints, stride: Ints, dilation: Ints) -> Array:
    """Return all windows of ``x`` as a view of shape (batch, channels, *kernel, *windows)."""
    n = len(kernel)
    view = xp.lib.stride_tricks.sliding_window_view(x, reach(kernel, dilation), axis=tuple(range(2, 2 + n)))
    view = view[(slice(None), slice(None), *(slice(None, None, s) for s in stride + dilation))]
    return view.transpose((0, 1, *range(2 + n, 2 + 2 * n), *range(2, 2 + n)))


def add_patches(xp: Namespace, columns: Array, size: Ints, stride: Ints, dilation: Ints) -> Array:
    """Add windows (batch, channels, *kernel, *windows) into an array of spatial ``size``: the adjoint of `patches`."""
    n = len(size)
    out = xp.zeros((*columns.shape[:2], *size), dtype=columns.dtype)
    for tap, place in taps(columns.shape[2 : 2 + n], columns.shape[2 + n :], stride, dilation):
        out[place] += columns[(slice(None), slice(None), *tap)]
    return out


def columns_of(xp: Namespace, x: Array, kernel: Ints, stride: Ints, pairs: Pairs, dilation: Ints, groups: int) -> Array:
    """Return the windows of ``x`` as columns: (batch, groups, in / groups * kernel, windows)."""
    view = patches(xp, padded(xp, x, pairs), kernel, stride, dilation)
    rows = x.shape[1] // groups * prod(kernel)
    return view.reshape((x.shape[0], groups, rows, prod(view.shape[2 + len(kernel) :])))


# ---------------------------------------------------------------------------------------------------------- pooling


def pool_geometry(
    name: str, x: Array, kernel_size: PerAxis, stride: PerAxis | None, padding: PerAxis, dilation: PerAxis, ceil_mode: bool
) -> tuple[Ints, Ints, Pairs, Ints, Ints]:
    """Return kernel, stride, padding in pairs, dilation and the number of windows, each with an entry per spatial axis."""
    n = x.ndim - 2
    if n < 1:
        raise ValueError(f"{name}: x has shape {x.shape}; expected (batch, channels, *spatial)")
    kernel, dilation = per_axis(kernel_size, n, "kernel_size"), per_axis(dilation, n, "dilation")
    stride = kernel if stride is None else per_axis(stride, n, "stride")
    edges = per_axis(padding, n, "padding", 0)
    needed = reach(kernel, dilation)
    pairs = tuple((p, p) for p in edges)
    windows = count(x.shape[2:], kernel, stride, dilation, pairs)
    if ceil_mode:
        # one more window where elements are left over and it begins before the padding at the end
        left = [length + 2 * p - r - s * (m - 1) for length, p, r, s, m in zip(x.shape[2:], edges, needed, stride, windows, strict=True)]
        begins = [s * m < length + p for length, p, s, m in zip(x.shape[2:], edges, stride, windows, strict=True)]
        windows = tuple(m + 1 if rest > 0 and inside else m for m, rest, inside in zip(windows, left, begins, strict=True))
        ends = [s * (m - 1) + r for s, m, r in zip(stride, windows, needed, strict=True)]
        pairs = tuple((p, max(p, end - length - p)) for p, end, length in zip(edges, ends, x.shape[2:], strict=True))
    axes = zip(x.shape[2:], kernel, stride, edges, dilation, windows, strict=True)
    if any(edges) and any(_some_hold_nothing(*axis) for axis in axes):
        raise ValueError(f"{name}: with padding {edges} a window of {kernel} holds no element of x {x.shape}; use less padding")
    return kernel, stride, pairs, dilation, windows


def _some_hold_nothing(length: int, taps: int, stride: int, padding: int, dilation: int, windows: int) -> bool:
    """Tell whether a window along an axis lies in the padding with all its taps."""
    starts = range(-padding, stride * windows - padding, stride)
    return any(all(not 0 <= i < length for i in range(start, start + dilation * taps, dilation)) for start in starts)


def adaptive_bounds(name: str, shape: Ints, output_size: PerAxis) -> list[list[tuple[int, int]]]:
    """Return the windows along each spatial axis, as (start, end)."""
    size = shape[2:]
    wanted = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * len(size)
    if len(wanted) != len(size) or not all(m is None or (isinstance(m, int) and m > 0) for m in wanted):
        raise ValueError(f"{name}: output_size is {output_size!r}; expected a positive integer or None for each of {len(size)} axes")
    if not all(size):
        raise ValueError(f"{name}: x has shape {shape}; a spatial axis of length 0 has nothing to pool")
    counts = [n if m is None else m for n, m in zip(size, wanted, strict=True)]
    return [[(i * n // m, -((i + 1) * n // -m)) for i in range(m)] for n, m in zip(size, counts, strict=True)]


def by_axes(name: str, function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Return ``function`` for 1, 2 and 3 spatial axes, under PyTorch's names; the input may lack the batch axis."""

    def over(n: int) -> Callable[..., Any]:
        def call(x: Array, *args: Any, **params: Any) -> Array:
            if x.ndim == n + 2:
                return function(x, *args, **params)
            if x.ndim != n + 1:
                raise ValueError(f"{call.__name__}: x has shape {x.shape}; expected (batch, channels) or (channels) and {n} spatial axes")
            y = function(x.reshape((1, *x.shape)), *args, **params)
            return tuple(part.reshape(part.shape[1:]) for part in y) if isinstance(y, tuple) else y.reshape(y.shape[1:])

        call.__name__ = call.__qualname__ = f"{name}{n}d"
        axes = "axis" if n == 1 else "axes"
        call.__doc__ = f"`{name}` over {n} spatial {axes}; ``x`` may lack the batch axis.\n\n{inspect.cleandoc(function.__doc__ or '')}"
        return call

    return [over(n) for n in (1, 2, 3)]
