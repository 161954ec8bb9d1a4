"""What several ranks do together while they train, for `Trainer`. With one rank there is nothing to do.

The group (`minigrad.distributed.Group`) brings along what it takes, so that nothing is imported here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigrad import random
from minigrad.data.loader import DataLoader
from minigrad.training.metrics import Tally

COMPARED = 100  #: steps between two comparisons of the parameters, where ranks are checked
STREAM = 64  #: bits of a seed; a rank's stream of random numbers has its number above them
PER_STEP = 32  #: bits of the blocks of random numbers that one step may use


class Ranks:
    """The ranks that a trainer is one of.

    Parameters
    ----------
    group
        The ranks, or None for this process alone.
    """

    def __init__(self, group: Any = None) -> None:
        self.group = None if group is None or group.size == 1 else group
        self.main = group is None or group.rank == 0  #: whether this one writes files
        self._stop = False
        self._reduce: Any = None
        self._seed = 0

    def begin(self, trainer: Any, loader: Any) -> None:
        """Make sure that all train the same, from the same parameters, each on its part of the data."""
        if self.group is None:
            return
        if not isinstance(loader, DataLoader) or loader.shard is not self.group:
            raise ValueError("fit: with a group each rank trains on its part of the batches: make the loader with shard=group")
        self.group.agree("training from", f"epoch {trainer.epoch}, step {trainer.step}, {len(loader)} batches an epoch")
        self.group.share(trainer.model, trainer.optimizer)
        self._stop, self._reduce = False, self.group.reducer(trainer.optimizer)
        self._seed = random.get_state()["seed"] & (1 << STREAM) - 1

    def begin_step(self, trainer: Any) -> None:
        """Draw random numbers from a stream of this rank's own, from a place that depends on the step alone.

        So dropout is not alike on all ranks, and a checkpoint, which has the numbers of rank 0, has no rank in it.
        """
        if self.group is None:
            return
        random.set_state({"seed": self._seed + (self.group.rank << STREAM), "counter": trainer.step << PER_STEP})
        if self.group.check and trainer.step % COMPARED == 0:
            self.group.compare(trainer.model)

    def weighted(self, loss: Any, items: int, loader: Any) -> Any:
        """Return this rank's share of the loss of the whole batch, of which ``loss`` is the mean over its own items."""
        return loss if self.group is None else loss * (items / loader.whole_batch)

    def reduce(self, stop: bool) -> None:
        """Add up the gradients; all ranks learn whether one is to stop."""
        if self.group is not None:
            self._stop = self._reduce(stop)

    def stopping(self, requested: bool) -> bool:
        """Whether to stop after this step: where it was ``requested`` here, or with a group anywhere before the gradients were added."""
        return requested if self.group is None else self._stop

    def total(self, tally: Tally, loader: Any) -> Tally:
        """Return the sum of all ranks' tallies, where each saw its part of the loader."""
        if self.group is None or getattr(loader, "shard", None) is None:
            return tally
        mine = tally.state_dict()
        loss, right, items = self.group.all_reduce(np.array([mine["loss"], mine["right"], mine["items"]], np.float64))
        return Tally(float(loss), float(right), int(items))

    @contextmanager
    def apart(self, model: Any) -> Iterator[None]:
        """Within this the layers look at this rank's batch alone: for what one rank examines by itself."""
        together = [(module, module.group) for module in model.modules() if getattr(module, "group", None) is not None]
        try:
            for module, _ in together:
                module.group = None
            yield
        finally:
            for module, group in together:
                module.group = group

    def wait(self) -> None:
        """Wait until all are here, so that none goes on before a file is whole."""
        if self.group is not None:
            self.group.barrier()
