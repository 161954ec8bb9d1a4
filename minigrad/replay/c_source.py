"""A program as C: groups of loops, products by BLAS, gathers and scatters, in functions between the calls that stay in Python."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.replay.c_forms import is_elementwise, is_reduction
from minigrad.replay.c_indexing import index_lines
from minigrad.replay.c_loops import Group, Loops, cleaned, shape_of
from minigrad.replay.program import FRESH, VALUE, Call, Live, Ref, Storage

HEAD = """\
// One training step. Each function is a stretch of it; between them are the calls that stay in Python.
#include <math.h>
#include <stdint.h>
#ifndef NO_VECTOR_MATH  // glibc has these for several numbers at once
#define V __attribute__((__simd__("notinbranch")))
V extern float expf(float); V extern float logf(float); V extern float tanhf(float); V extern float sinf(float); V extern float cosf(float);
V extern double exp(double); V extern double log(double); V extern double tanh(double); V extern double sin(double);
V extern double cos(double);
#endif
typedef int64_t N;
typedef void gemm32(int, int, int, N, N, N, float, const float *, N, const float *, N, float, float *, N);
typedef void gemm64(int, int, int, N, N, N, double, const double *, N, const double *, N, double, double *, N);
struct step {
  char *arena;       // values of the step
  char **memory;     // parameters, arguments, constants, results of calls in Python
  double *numbers;   // that change from step to step
  int64_t *fault;    // set where an index is outside
  gemm32 *sgemm; gemm64 *dgemm;
};
"""


@dataclass
class Step:
    """One or more calls that are done together, as the plan of memory sees them."""

    kind: str  #: "group", "product", "index", "check" or "python"
    calls: list[Call]
    group: Group | None = None
    outs: list[Any] = field(default_factory=list)

    @property
    def reads(self) -> list[Ref]:
        """The places it reads."""
        return [ref for call in self.calls for ref in call.reads]

    @property
    def results(self) -> list[Ref]:
        """The places it writes."""
        return [ref for call in self.calls for ref in call.results]


def steps_of(calls: Sequence[Call]) -> list[Step]:
    """Put calls together that go over the same elements."""
    steps: list[Step] = []
    for call in calls:
        if is_elementwise(call) or is_reduction(call):
            last = steps[-1].group if steps else None
            fitting = None if last is None else last.fitted(call)
            if last is None or fitting is None:
                last, fitting = Group(shape_of(call)), call
                steps.append(Step("group", last.calls, last))
            last.add(fitting)
        elif is_product(call):
            steps.append(Step("product", [call]))
        elif index_lines(call, str) is not None:
            steps.append(Step("check" if not call.results else "index", [call]))
        else:
            steps.append(Step("python", [call]))
    return steps


def registers(steps: Sequence[Step], outputs: Sequence[Ref]) -> dict[int, set[Storage]]:
    """Return for each group the storages that it alone uses, which therefore need no memory."""
    used: dict[Storage, set[int]] = {}
    places: dict[Storage, set[Ref]] = {}
    for k, step in enumerate(steps):
        for ref in [*step.reads, *step.results]:
            used.setdefault(ref.storage, set()).add(k)
            places.setdefault(ref.storage, set()).add(ref)
    kept = {ref.storage for ref in outputs}
    found: dict[int, set[Storage]] = {}
    for storage, where in used.items():
        (k,) = where if len(where) == 1 else (-1,)
        if storage.kind != VALUE or storage in kept or k < 0 or steps[k].group is None or len(places[storage]) != 1:
            continue
        made = any(ref.storage is storage for ref in steps[k].results)
        if made and storage not in steps[k].group.summed:  # type: ignore[union-attr]
            found.setdefault(k, set()).add(storage)
    return found


# --------------------------------------------------------------------------------------------------------------- products


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


# ---------------------------------------------------------------------------------------------------------------- the text


class Source:
    """Collects the functions of a program, and says where its memory is.

    Attributes
    ----------
    slots
        Storages outside of the arena, in the order of ``memory``.
    numbers
        Live numbers, in the order of ``numbers``.
    functions
        Names of the functions that were closed.
    """

    def __init__(self, offsets: dict[Storage, int]) -> None:
        self.offsets = offsets
        self.slots: dict[Storage, int] = {}
        self.numbers: dict[Live, int] = {}
        self.functions: list[str] = []
        self.fresh: set[Storage] = set()  #: results of calls in Python that the open function uses
        self._open: list[str] = []
        self._text: list[str] = []

    def pointer(self, ref: Ref) -> str:
        """Return the address of a place."""
        storage = ref.storage
        if storage.kind == VALUE:
            return f"s->arena + {self.offsets[storage] + ref.offset}"
        if storage.kind == FRESH:
            self.fresh.add(storage)
        slot = self.slots.setdefault(storage, len(self.slots))
        return f"s->memory[{slot}]" + (f" + {ref.offset}" if ref.offset > 0 else f" - {-ref.offset}" if ref.offset else "")

    def number(self, live: Live) -> str:
        """Return where a live number stands."""
        return f"s->numbers[{self.numbers.setdefault(live, len(self.numbers))}]"

    @property
    def is_open(self) -> bool:
        """Whether there are lines that no function has yet."""
        return bool(self._open)

    def add(self, step: Step, inner: set[Storage]) -> None:
        """Write a step into the open function."""
        if step.kind == "group":
            assert step.group is not None
            self._open += Loops(step.group, self.pointer, self.number, inner).lines()
        elif step.kind == "product":
            self._open += product_lines(step.calls[0], self.pointer)
        else:
            self._open += index_lines(step.calls[0], self.pointer) or []

    def close(self) -> str | None:
        """End the open function; return its name, or None if there is nothing in it."""
        if not self._open:
            return None
        name = f"part{len(self.functions)}"
        self.functions.append(name)
        self._text += [f"void {name}(struct step *s) {{", *self._open, "}"]
        self._open, self.fresh = [], set()
        return name

    def text(self) -> str:
        """Return the C text."""
        return HEAD + "\n".join(self._text) + "\n"
