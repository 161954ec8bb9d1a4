"""The scale of a gradient scaler (`minigrad.amp.GradScaler`) on a GPU, where steps are left out without the host knowing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import accumulate
from typing import Any

import numpy as np

from minigrad.backends import Array
from minigrad.core.device import to_host
from minigrad.core.tensor import Tensor, wrap
from minigrad.kernels.cuda.launch import blocks_for, contiguous, launch
from minigrad.kernels.cuda.optimizers import step_unless, tables


class DeviceScale:
    """What `minigrad.amp.HostScale` is on the host. The host waits in `read` alone, and for optimizers without a kernel."""

    kind = "cuda"

    def __init__(self, backend: Any, scale: float, good_steps: int) -> None:
        backend.must_not_record("a gradient scaler")
        self.backend = backend
        self._scale = backend.xp.full((), scale, dtype=np.float32)
        self._good_steps = backend.xp.full(1, good_steps, dtype=np.int64)

    def read(self) -> tuple[float, int]:
        """Return the scale, and the good steps in a row."""
        return float(to_host(self._scale)), int(to_host(self._good_steps)[0])

    def write(self, scale: float, good_steps: int) -> None:
        """Set both, in the memory that recorded steps refer to."""
        self._scale.fill(scale)
        self._good_steps.fill(good_steps)

    def times(self, loss: Tensor) -> Tensor:
        """Return the loss times the scale."""
        return loss * wrap(self._scale, None)

    def unscale(self, optimizer: Any, forget: Callable[[], None]) -> Array:
        """Divide the gradients by the scale; return a number on the device that is 0 if all were finite.

        ``forget`` is called if this is recorded and the step cannot be.
        """
        found = self.backend.xp.zeros(1, dtype=np.int64)
        for gradients in _gradients(optimizer).values():
            starts = list(accumulate((g.size for g in gradients), initial=0))
            for table, size, _ in tables(gradients, starts):
                launch("mg_unscale", blocks_for(size), (256,), (table, self._scale, found), like=gradients[0])
        if self.backend.capture is not None:
            self.backend.capture.at_replay(lambda: None, forget)
        return found

    def step(self, optimizer: Any, found: Array) -> Array:
        """Make a step unless something was found."""
        if step_unless(optimizer, found) or to_host(found)[0]:
            return None
        return optimizer.step()

    def update(self, founds: Sequence[Array], growth: float, backoff: float, interval: int) -> None:
        """Adapt the scale."""
        found = reduce(self.backend.xp.maximum, founds)
        launch("mg_scale_update", (1,), (1,), (self._scale, self._good_steps, found, growth, backoff, interval), like=self._scale)


def _gradients(optimizer: Any) -> dict[Any, list[Array]]:
    """Return the gradients that are not empty, by dtype, all contiguous."""
    found: dict[Any, list[Array]] = {}
    for p in [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None and p.grad.size]:
        if not p.grad.data.flags.c_contiguous:
            p.grad = wrap(contiguous(p.grad.data), None)
        found.setdefault(p.grad.dtype, []).append(p.grad.data)
    return found
