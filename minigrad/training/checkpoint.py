"""A training checkpoint: everything that the rest of the training depends on, in one file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minigrad import random
from minigrad.saving import CheckpointError, load_state, save_state

VERSION = 1


def make_folder(path: Path) -> None:
    """Make the folder of a training's checkpoints, if it is not there: before the work that they are to keep."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"the folder {path} for checkpoints cannot be made: {error.strerror or error}") from None


def save_checkpoint(path: str | Path, parts: Mapping[str, Any], **plain: Any) -> None:
    """Write the states of ``parts`` (objects with ``state_dict``, or None), the random state, and plain values."""
    states = {name: None if part is None else part.state_dict() for name, part in parts.items()}
    save_state({"version": VERSION, "random": random.get_state(), "parts": states, "plain": plain}, path)


def load_checkpoint(path: str | Path, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Restore the states of ``parts`` and the random state. Returns the plain values.

    Raises
    ------
    CheckpointError
        If the file is no checkpoint of minigrad, or one of another model, optimizer or data set. What was restored by
        then is put back, so that nothing is changed.
    """
    state = load_state(path)
    try:
        version, states, plain, random_state = (state[name] for name in ("version", "parts", "plain", "random"))
        if version != VERSION or set(states) != set(parts) or not isinstance(plain, dict):
            raise KeyError
    except (KeyError, TypeError):
        raise CheckpointError(f"{path} is not a training checkpoint of this version of minigrad") from None
    before = {name: _copied(part.state_dict()) for name, part in parts.items() if part is not None}
    random_before = random.get_state()
    try:
        for name, part in parts.items():
            if (part is None) != (states[name] is None):
                raise ValueError(f"one of them has a {name} and the other has none")
            if part is not None:
                part.load_state_dict(states[name])
        random.set_state(random_state)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        for name, old in before.items():
            parts[name].load_state_dict(old)
        random.set_state(random_before)
        reason = f"{error}".splitlines()[0] if isinstance(error, ValueError) else f"its part {name!r} is damaged"
        raise CheckpointError(f"{path} does not belong to this model and these settings: {reason}") from None
    return plain


def _copied(value: Any) -> Any:
    """Copy nested state, so that loading another one does not change it."""
    if isinstance(value, Mapping):
        return {k: _copied(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_copied(v) for v in value])
    return type(value)(value.data.copy()) if hasattr(value, "data") and hasattr(value, "node") else value
