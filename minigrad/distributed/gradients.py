"""Data parallel training: equal models, and the sum of the gradients of all ranks.

Each rank has a copy of the model and a part of every batch. Its loss is its share of the loss of the whole batch,

    L_r = n_r / N  mean over its n_r of the N items,    sum_r L_r = the mean over all of them,

so the *sum* of the gradients is the gradient of the whole batch, whatever the lengths of the parts. The loss is weighted and not
the gradient: where a layer looks across the batches of all ranks (`minigrad.distributed.synchronize`), the gradient of one rank depends on
the losses of all, and gradients weighted after the backward pass are the gradient of no loss.
"""

from __future__ import annotations

import zlib
from typing import Any

from minigrad.core.device import to_host
from minigrad.core.tensor import wrap


class GradientReducer:
    """Adds up the gradients of all ranks: one all-reduce for each flat buffer of the optimizer, in place.

    Behind the gradients stand a flag for each parameter (has it a gradient here?) and one that asks to stop, so that the ranks know the
    same without another message. A parameter without a gradient on some ranks counts as zero there; one without on all keeps none.

    Parameters
    ----------
    optimizer
        Whose parameters.
    group
        The ranks. All of them must have the same parameters in the same order; `share` makes sure.
    """

    def __init__(self, optimizer: Any, group: Any) -> None:
        self.optimizer, self.group = optimizer, group

    def __call__(self, stop: bool = False) -> bool:
        """Put the sum over all ranks into the gradients, once before every step. Returns whether any rank asked to ``stop``."""
        stopping = False
        for bucket, _ in self.optimizer.buckets():
            n, flags = bucket.values.size, len(bucket.params)
            buffer, parts = bucket.gradient_buffer(flags + 1)
            for i, (p, part) in enumerate(zip(bucket.params, parts, strict=True)):
                gradient = p.grad
                if gradient is None:
                    part[...] = 0
                elif gradient.data is not part:
                    part[...] = gradient.data
                buffer[n + i] = gradient is not None
            buffer[n + flags] = stop
            self.group.all_reduce_(buffer)
            found = to_host(buffer[n:]) > 0
            for p, part, has_one in zip(bucket.params, parts, found, strict=False):
                if not has_one:
                    p.grad = None
                elif p.grad is None or p.grad.data is not part:
                    p.grad = wrap(part, None)
            stopping = stopping or bool(found[-1])
        return stopping


def share(model: Any, optimizer: Any, group: Any) -> None:
    """Make sure that all ranks train the same, and give all of them the parameters and buffers of rank 0.

    Raises
    ------
    DesyncError
        If names, shapes or dtypes of parameters, or the groups and options of the optimizer, are not the same on all ranks.
    """
    named = [(name, p.shape, str(p.dtype), p.requires_grad) for name, p in model.named_parameters()]
    groups = [{**options, "params": [p.shape for p in options["params"]]} for options in optimizer.param_groups]
    size = sum(p.size for p in model.parameters())
    kind = f"{type(model).__name__} and {type(optimizer).__name__} with {len(named)} parameters, {size} numbers"
    group.agree(kind, f"details {zlib.crc32(repr((named, groups)).encode()):08x}")
    share_state(model, group)


def share_state(model: Any, group: Any) -> None:
    """Give all ranks the parameters and buffers of rank 0."""
    state = model.state_dict()
    model.load_state_dict({name: wrap(group.broadcast(value.data), None) for name, value in state.items()})


def compare(model: Any, group: Any) -> None:
    """Raise `DesyncError` if the parameters and buffers do not have the same bits on all ranks."""
    for name, value in model.state_dict().items():
        group.agree(f"{name} has the bits {zlib.crc32(to_host(value.data).tobytes()):08x}")
