"""What code that is captured says to the recorder of a step (`minigrad.replay`); where none records, nothing happens here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.backends import kind_of
from minigrad.core.mode import mode


def boxed(function: Callable[..., Any], *, writes: tuple[int, ...] = (), effect: bool = False) -> Callable[..., Any]:
    """Return ``function`` or, while a step is being captured, a form of it that is recorded as one call.

    ``writes`` are the positions of arguments that it overwrites; ``effect`` says that it must be called even if nobody reads
    its result. The recorded form may return NotImplemented: the recording looks into this function, and wants the plain formula.
    """
    recorder = mode.get().recorder
    form: Callable[..., Any] = function if recorder is None else recorder.boxed(function, writes=writes, effect=effect)
    return form


def can_look(array: Any) -> bool:
    """Tell whether Python may look at values: not on a GPU, which would have to be waited for, nor while a step is captured."""
    return mode.get().recorder is None and kind_of(array) == "cpu"


def recorded(array: Any) -> Any:
    """Return ``array`` or, while a step is being captured, what stands for it in the recording."""
    recorder = mode.get().recorder
    return array if recorder is None else recorder.lift(array)
