"""Layers that look across the batch look across the batches of all ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from minigrad.distributed.group import Group

if TYPE_CHECKING:
    from minigrad.nn import Module

M = TypeVar("M", bound="Module")


def synchronize(model: M, group: Group | None) -> M:
    """Let every layer of ``model`` that takes statistics over a batch take them over the batches of all ranks. Returns the model.

    These are batch norm and batch renormalization (one gather forward and one sum backward, of a few numbers for each channel),
    instance norm with running statistics (a sum), and ZCA whitening (each rank gets the whole batch): the layers whose class has an
    attribute ``group``, as one of your own may have. Parameters, buffers and state dicts stay as they are. Evaluation and frozen layers
    use the running statistics, as ever, and send nothing; those are equal on all ranks without a message. None for the group, or a
    group of one, undoes it.
    """
    together = None if group is None or group.size == 1 else group
    for module in model.modules():
        if hasattr(type(module), "group"):
            module.group = together
    return model
