"""Several processes and machines: groups of ranks, collectives as ops, batch norm in step, data parallel training.

Read group.py, collectives.py, sync_batch_normalization.py, gradients.py.
"""

from minigrad.distributed import kernels as kernels
from minigrad.distributed.collectives import all_gather, all_reduce, broadcast, gather_rows, reduce_scatter, reduce_to
from minigrad.distributed.gradients import GradientReducer, compare, share, share_state
from minigrad.distributed.group import Alone, DesyncError, Group
from minigrad.distributed.launching import LaunchError
from minigrad.distributed.layers import synchronize
from minigrad.distributed.stacked import Stacked
from minigrad.distributed.start import init
from minigrad.distributed.sync_batch_normalization import sync_batch_norm, sync_batch_norm_relu
from minigrad.distributed.threads import spmd

__all__ = [
    "Alone",
    "DesyncError",
    "GradientReducer",
    "Group",
    "LaunchError",
    "Stacked",
    "all_gather",
    "all_reduce",
    "broadcast",
    "compare",
    "gather_rows",
    "init",
    "reduce_scatter",
    "reduce_to",
    "share",
    "share_state",
    "spmd",
    "sync_batch_norm",
    "sync_batch_norm_relu",
    "synchronize",
]
