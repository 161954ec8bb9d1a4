"""Collectives as ops: sums and copies over the ranks of a group, which can be differentiated.

**What the derivative means.** Each rank computes its own loss L_r, and a parameter that all ranks have a copy of wants the
derivative of their sum, L = L_0 + L_1 + ... . A backward pass on every rank therefore gives, for each rank's own input x_r,

    dL / dx_r,    L the sum over all ranks of what each of them differentiates.

Collectives are linear, so each formula is the transposed map, and that is another collective:

==================================  ==========================================================
y_r = sum_s x_s                     dL/dx_r = sum_s g_s            `all_reduce`, `all_reduce`
y_r = (x_0, x_1, ...)               dL/dx_r = sum_s g_s[r]         `all_gather`, `reduce_scatter`
y_r = sum_s x_s[r]                  dL/dx_r = (g_0, g_1, ...)      `reduce_scatter`, `all_gather`
y_r = x_root                        dL/dx_r = sum_s g_s at root    `broadcast`, `reduce_to`
y_root = sum_s x_s, elsewhere 0     dL/dx_r = g_root               `reduce_to`, `broadcast`
==================================  ==========================================================

As each line leads to another one, second and third derivatives need no more.

**A trap.** If the loss of every rank is already the sum over all of them, L counts it once for each rank, and gradients are
``size`` times too large. Differentiate the local part; add up losses that are only shown with ``group.all_reduce(loss.data)``.

In a captured step a collective is a call with an outside effect: it is kept, in its place, once.

All ranks must run the same backward pass: a collective whose result only some of the losses depend on is waited for in vain by
those that use it. (The walk goes by the order of creation, which is the same wherever the same program ran.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core._capturing import boxed
from minigrad.core.op import op
from minigrad.ops.joining import concat, pad

__all__ = ["all_gather", "all_reduce", "broadcast", "gather_rows", "reduce_scatter", "reduce_to"]


@op
def all_reduce(xp: Any, x: Any, *, group: Any) -> Any:
    """The sum of every rank's x, on every rank.

    Parameters
    ----------
    x
        Numbers, of the same shape and dtype on every rank.
    group
        The `Group` whose ranks all make this call.
    """
    return boxed(group.all_reduce, effect=True)(x)


@op
def all_gather(xp: Any, x: Any, *, group: Any) -> Any:
    """Every rank's x in the order of the ranks, of shape (size, *x.shape), on every rank. Arguments as for `all_reduce`."""
    return boxed(group.all_gather, effect=True)(x)


@op
def reduce_scatter(xp: Any, x: Any, *, group: Any) -> Any:
    """The sum over the ranks of ``x[rank]``, where x has shape (size, ...). Arguments as for `all_reduce`."""
    return boxed(group.reduce_scatter, effect=True)(x)


@op
def broadcast(xp: Any, x: Any, *, group: Any, root: int = 0) -> Any:
    """The x of rank ``root``, on every rank. Arguments as for `all_reduce`."""
    return boxed(group.broadcast, effect=True)(x, root)


@op
def reduce_to(xp: Any, x: Any, *, group: Any, root: int = 0) -> Any:
    """The sum of every rank's x on rank ``root``, and zeros on the others. Arguments as for `all_reduce`."""
    return boxed(group.reduce_to, effect=True)(x, root)


all_reduce.vjp(x=lambda g, *, group: all_reduce(g, group=group))
all_gather.vjp(x=lambda g, *, group: reduce_scatter(g, group=group))
reduce_scatter.vjp(x=lambda g, *, group: all_gather(g, group=group))
broadcast.vjp(x=lambda g, *, group, root: reduce_to(g, group=group, root=root))
reduce_to.vjp(x=lambda g, *, group, root: broadcast(g, group=group, root=root))


def gather_rows(x: Any, *, group: Any) -> tuple[Any, slice]:
    """Return the rows of every rank's x, one below the other, on every rank; and which of them are this rank's.

    Ranks may have different numbers of rows, and none. They are sent in parts as long as the longest, so that each takes the same
    place in the message; derivatives are those of `all_gather`.
    """
    n = x.shape[0]
    lengths = [int(length) for length in group.all_gather(np.array(n))]
    full = pad(x, pad_width=((0, max(lengths) - n), *[(0, 0)] * (len(x.shape) - 1)))
    parts = all_gather(full, group=group)
    start = sum(lengths[: group.rank])
    return concat([parts[r, :length] for r, length in enumerate(lengths)]), slice(start, start + n)
