"""An exponential moving average of the weights: smoother than the weights themselves, and often better."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from minigrad.core._capturing import recorded
from minigrad.core.tensor import Tensor
from minigrad.optim.arguments import check_share, check_state, tensors


class EMA:
    """e <- decay * e + (1 - decay) * x for each parameter x, starting from its value.

    Parameters
    ----------
    params
        The parameters to average.
    decay
        Share of the old average kept at each `update`, from 0 to 1.

    Examples
    --------
    >>> ema = EMA(model.parameters(), decay=0.999)
    >>> optimizer.step(); ema.update()
    >>> with ema.applied():
    ...     accuracy = (model(x).argmax(axis=1) == labels).mean()
    """

    def __init__(self, params: Iterable[Tensor], decay: float = 0.999) -> None:
        check_share("EMA", "decay", decay)
        self.params, self.decay = tensors("EMA", "averages", params), decay
        self.averages = [p.data.copy() for p in self.params]

    def update(self) -> None:
        """Take the present parameters into the average."""
        for p, e in zip(self.params, self.averages, strict=True):
            average = recorded(e)
            average += (recorded(p.data) - average) * (1 - self.decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averages in place of the parameters within a ``with`` block."""
        kept = [p.data.copy() for p in self.params]
        try:
            self.copy_to_params()
            yield
        finally:
            for p, x in zip(self.params, kept, strict=True):
                p.copy_(x)

    def copy_to_params(self) -> None:
        """Overwrite the parameters with the averages."""
        for p, e in zip(self.params, self.averages, strict=True):
            p.copy_(e)

    def state_dict(self) -> dict[str, Any]:
        """Return the averages and the decay."""
        return {"decay": self.decay, "averages": [Tensor(e) for e in self.averages]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned. Refused, with nothing changed, where a shape differs."""
        check_state("EMA", "EMA", state_dict, ("decay", "averages"))
        shapes, expected = [tuple(e.shape) for e in state_dict["averages"]], [e.shape for e in self.averages]
        if shapes != expected:
            raise ValueError(f"EMA: the state has averages of shapes {shapes}, the parameters have {expected}")
        self.decay = state_dict["decay"]
        for e, saved in zip(self.averages, state_dict["averages"], strict=True):
            e[...] = saved.data
