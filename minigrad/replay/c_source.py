"""A program as C: groups of loops, products by BLAS, gathers and scatters, in functions between the calls that stay in Python."""

from __future__ import annotations

from collections.abc import Mapping

from minigrad.replay.c_indexing import index_lines
from minigrad.replay.c_loops import Loops
from minigrad.replay.c_pieces import block_lines
from minigrad.replay.c_products import product_lines
from minigrad.replay.c_steps import Step
from minigrad.replay.program import FRESH, VALUE, Live, Ref, Storage

HEAD = """\
// One training step. Each function is a stretch of it; between them are the calls that stay in Python.
#include <math.h>
#include <stdint.h>
#ifndef NO_VECTOR_MATH  // glibc has these for several numbers at once
#define V __attribute__((__simd__("notinbranch")))
V extern float expf(float); V extern float logf(float); V extern float tanhf(float); V extern float sinf(float); V extern float cosf(float);
V extern double exp(double); V extern double log(double); V extern double tanh(double); V extern double sin(double);
V extern double cos(double); V extern float powf(float, float); V extern double pow(double, double);
#endif
// exp of several numbers at once is slow where one is far below those with a result, as masked scores are: they are taken out by bits.
static inline float wide_expf(float x) {
  union { float f; int32_t bits; } y = {x};
  int32_t kept = -!(x < -104);
  y.bits &= kept; y.f = expf(y.f); y.bits &= kept;
  return y.f;
}
static inline double wide_exp(double x) {
  union { double f; int64_t bits; } y = {x};
  int64_t kept = -(int64_t)!(x < -746);
  y.bits &= kept; y.f = exp(y.f); y.bits &= kept;
  return y.f;
}
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

    def add(self, step: Step, inner: Mapping[Step, set[Storage]], short: Mapping[Storage, int]) -> None:
        """Write a step into the open function: what is ``inner`` stays in registers, what is ``short`` holds one piece of a block."""
        if step.kind == "block":
            self._open += block_lines(step, self.pointer, self.number, inner, short)
        elif step.group is not None:
            self._open += Loops(step.group, self.pointer, self.number, inner.get(step, set())).lines()
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
