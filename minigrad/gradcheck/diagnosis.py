"""Why a gradient is wrong."""

from __future__ import annotations

from typing import Any


def diagnose(result: Any) -> list[str]:
    """Return sentences."""
    return []
