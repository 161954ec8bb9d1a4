"""A sample of a layer or loss: what to make, and what to call it with. Its parameters are checked too."""

from __future__ import annotations

from typing import Any

import numpy as np


class ModuleSample:
    """A call of a module: ``cls(*setup, **settings)(*args)``, in training mode unless ``training`` is false."""

    def __init__(self, cls: type, setup: tuple[Any, ...], args: tuple[Any, ...], *, training: bool = True, **settings: Any) -> None:
        self.cls, self.setup, self.args, self.training, self.settings = cls, setup, args, training, settings

    def make(self) -> Any:
        """Return a new module, with random parameters where it would start with zeros and ones."""
        module = self.cls(*self.setup, **self.settings)
        rng = np.random.default_rng(3)
        for parameter in module.parameters():
            parameter.copy_(rng.uniform(0.3, 1.2, parameter.shape) * rng.choice([-1, 1], parameter.shape))
        if not self.training:
            for buffer in module.buffers():
                if buffer.dtype.kind == "f":
                    buffer.copy_(rng.uniform(0.5, 1.5, buffer.shape))
        return module.train(self.training)

    def __repr__(self) -> str:
        shown = [" ".join(repr(a).split()) for a in self.setup] + [f"{k}={v!r}" for k, v in self.settings.items()]
        shapes = [f"{a.dtype}{list(a.shape)}" if isinstance(a, np.ndarray) else repr(a) for a in self.args]
        return f"({', '.join(shown)})({', '.join(shapes)})" + ("" if self.training else " in evaluation")
