"""Identities."""

from __future__ import annotations

from typing import Any

from minigrad.gradcheck.result import Row


def identity_rows(name: str, op: Any, sample: Any) -> list[Row]:
    """Check."""
    return []
