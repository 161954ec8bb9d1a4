"""Products of matrices by the BLAS that NumPy brings."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.replay.c_loops import cleaned
from minigrad.replay.program import Call, Ref


def is_product(call: Call) -> bool:
    """Tell whether a call is a product of matrices that BLAS can do as they lie."""
    if call.kind != "ufunc" or call.function is not np.matmul or not all(isinstance(a, Ref) for a in call.args) or blas() is None:
        return False
    a, b = call.args
    out = call.outs[0]
    same = a.dtype == b.dtype == out.dtype and out.dtype.char in "fd"
    return same and min(len(a.shape), len(b.shape)) >= 2 and out.is_contiguous and out.size > 0 and all(map(_side, (a, b)))


def _side(ref: Ref) -> tuple[int, int] | None:
    """Return how BLAS takes a matrix: 111 as it is or 112 transposed, and the distance between its lines; None if not at all."""
    n, (rows, columns), (down, right) = ref.dtype.itemsize, ref.shape[-2:], ref.strides[-2:]
    if not ref.size:
        return None
    if (right == n or columns == 1) and down >= n * columns and down % n == 0:
        return 111, max(down // n, columns)
    if (down == n or rows == 1) and right >= n * rows and right % n == 0:
        return 112, max(right // n, rows)
    return None


def product_lines(call: Call, pointer: Callable[[Ref], str]) -> list[str]:
    """Write a product: one call of BLAS for each matrix of a batch."""
    (a, b), out = call.args, call.outs[0]
    kind, name = ("float", "sgemm") if out.dtype.itemsize == 4 else ("double", "dgemm")
    batch = out.shape[:-2]
    (ta, lda), (tb, ldb) = _side(a) or (0, 0), _side(b) or (0, 0)
    lines, indent = [f"  {{  // {cleaned(call)}"], "    "
    for d, n in enumerate(batch):
        lines.append(f"{indent}for (int64_t i{d} = 0; i{d} < {n}; i{d}++)")
        indent += "  "

    def at(ref: Ref) -> str:
        lead = len(batch) - (len(ref.shape) - 2)
        moved = "".join(f" + i{lead + d} * {s}" for d, (n, s) in enumerate(zip(ref.shape[:-2], ref.strides[:-2], strict=True)) if n != 1)
        return f"({kind} *)({pointer(ref)}{moved})"

    m, n, k = out.shape[-2], out.shape[-1], a.shape[-1]
    lines.append(f"{indent}s->{name}(101, {ta}, {tb}, {m}, {n}, {k}, 1, {at(a)}, {lda}, {at(b)}, {ldb}, 0, {at(out)}, {n});")
    return [*lines, "  }"]


@functools.cache
def blas() -> tuple[Any, Any] | None:
    """Return the addresses of sgemm and dgemm in the BLAS that NumPy brings; None if it has another."""
    for path in sorted(Path(np.__file__).parent.parent.glob("numpy.libs/libscipy_openblas64_*")):
        try:
            loaded = ctypes.CDLL(str(path))
            return tuple([ctypes.cast(getattr(loaded, f"scipy_cblas_{kind}gemm64_"), ctypes.c_void_p) for kind in "sd"])  # type: ignore[return-value]
        except (OSError, AttributeError):
            continue
    return None
