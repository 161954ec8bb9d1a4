# mypy: disable-error-code="untyped-decorator"
"""Adam in one pass over memory."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from minigrad.backends import Array
from minigrad.kernels.loops import OPTIONS

compiled = numba.njit(**OPTIONS)


@compiled
def adam(x: Array, g: Array, m: Array, v: Array, move_m: Array, move_v: Array, eps: Any, rate: Any) -> None:
    """m += move_m (g - m);  v += move_v (g^2 - v);  x -= rate m / (sqrt(v) + eps)"""
    for i in range(x.size):
        m[i] += move_m * (g[i] - m[i])
        v[i] += move_v * (g[i] * g[i] - v[i])
        x[i] -= rate * m[i] / (np.sqrt(v[i]) + eps)
