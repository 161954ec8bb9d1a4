"""What is said where Python would say nothing, or a sentence that helps nobody.  (Not needed to understand minigrad.)"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from minigrad.core.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")

#: what an argument is called by NumPy and the array API, and by PyTorch
SPELLINGS = {"dim": "axis", "axis": "dim", "keepdim": "keepdims", "keepdims": "keepdim"}


def on_missing_gradient(tensor: Tensor) -> Tensor | None:
    """Return None, and warn that a computed tensor passes its gradient on; one that has no graph has none to keep."""
    if tensor.node is not None:
        warnings.warn(
            f"grad of a computed tensor (made by {tensor.node.name}) is None: it passes its gradient on. Call retain_grad() on it before "
            "backward(), or ask for it by mg.grad(loss, [tensor])",
            UserWarning,
            stacklevel=3,
        )
    return None


def tells_spelling(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function that has an ``axis`` say so to who writes ``dim``, and the other way round."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            wrong = next((word for word in SPELLINGS if word in kwargs), None)
            if wrong is None or f"{function.__name__}() got an unexpected keyword argument" not in str(error):
                raise
            raise TypeError(f"{function.__name__}: it is called {SPELLINGS[wrong]} here, not {wrong}") from None

    return call
