# mypy: disable-error-code="untyped-decorator"
"""Products of matrices, a tile of the result in registers.

A tile is `ROWS` rows of the result by two vectors. For each k it takes two vectors of the right matrix and one number
of each row of the left one: with eight rows, 16 multiply-adds for ten values read and none written, so that arithmetic
is the limit. The compiler finds no such form for a loop over arrays, so the tile is written as instructions for vectors.
The right matrix is brought into panels, as wide as a tile, whose rows follow one another; the left one may have any strides.

Compiled functions that call these hold a copy of them in their own caches, which notice only changes of their own file:
after a change here, empty this folder's ``__pycache__``.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

from minigrad.backends import Array
from minigrad.kernels import buffers
from minigrad.kernels.loops import OPTIONS

VECTOR, ROWS = (64, 8) if "+avx512f" in get_host_cpu_features() else (32, 6)  #: bytes; a tile and its operands fill the registers
WIDTH = 2 * VECTOR  #: bytes of a row of a tile

compiled = numba.njit(**OPTIONS)


@intrinsic
def _tile(
    typing: Any, like: Any, rows: Any, left: Any, left_row: Any, left_step: Any, right: Any, start: Any, start_row: Any, y: Any, y_row: Any,
    depth: Any,
) -> Any:  # fmt: skip
    """y = start + left right for one tile of y: ``_tile(like, rows, left, ..., depth)``, all addresses and strides in bytes.

    ``like`` is a number of the dtype. Of a tile with fewer than `ROWS` rows the last one is computed several times.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _, rows, left, left_row, left_step, right, start, start_row, y, y_row, depth = values
        number = context.get_value_type(signature.args[0])
        size = signature.args[0].bitwidth // 8
        vector = ir.VectorType(number, VECTOR // size)
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), VECTOR // size), None)
        undefined = ir.Constant(vector, ir.Undefined)

        def pointer(address: Any, offset: int, kind: Any) -> Any:
            return builder.inttoptr(builder.add(address, address.type(offset)), kind.as_pointer())

        def vectors(address: Any) -> list[Any]:
            return [builder.load(pointer(address, offset, vector), align=size) for offset in (0, VECTOR)]

        def spread(address: Any) -> Any:
            value = builder.load(pointer(address, 0, number), align=size)
            return builder.shuffle_vector(builder.insert_element(undefined, value, ir.IntType(32)(0)), undefined, everywhere)

        def addresses(base: Any, stride: Any) -> list[Any]:
            return [builder.add(base, builder.mul(stride, m)) for m in indices]

        last = builder.sub(rows, rows.type(1))
        indices = [builder.select(builder.icmp_signed("<", last, last.type(m)), last, last.type(m)) for m in range(ROWS)]
        sums = [[cgutils.alloca_once_value(builder, v) for v in vectors(address)] for address in addresses(start, start_row)]
        lefts = addresses(left, left_row)
        with cgutils.for_range(builder, depth) as loop:
            b = vectors(builder.add(right, builder.mul(loop.index, right.type(WIDTH))))
            for address, total in zip(lefts, sums, strict=True):
                a = spread(builder.add(address, builder.mul(loop.index, left_step)))
                for slot, part in zip(total, b, strict=True):
                    product = builder.fmul(a, part, flags=("contract",))
                    builder.store(builder.fadd(builder.load(slot), product, flags=("contract",)), slot)
        for address, total in zip(addresses(y, y_row), sums, strict=True):
            for slot, offset in zip(total, (0, VECTOR), strict=True):
                builder.store(builder.load(slot), pointer(address, offset, vector), align=size)
        return context.get_dummy_value()

    return types.void(like, *[types.intp] * 10), generate


@compiled
def _pack(b: Array, panels: Array) -> None:
    depth, columns = b.shape
    width = panels.shape[2]
    for p in range(panels.shape[0]):
        low = p * width
        high = min(low + width, columns)
        for k in range(depth):
            panel = panels[p, k]
            for j in range(low, high):
                panel[j - low] = b[k, j]
            panel[high - low :] = 0


def pack(b: Array) -> Array:
    """Return a matrix as the panels that `multiply_add` takes: (panels, rows, columns of a panel), zeros after the last column."""
    width = WIDTH // b.itemsize
    panels = buffers.empty((-(-b.shape[1] // width), b.shape[0], width), b.dtype)
    _pack(b, panels)
    return panels


@compiled
def multiply_add(a: Array, panels: Array, start: Array, y: Array) -> None:
    """y = start + a b, where `pack` has made the panels of b. ``start`` may be ``y``; the rows of both are contiguous."""
    (m, depth), columns, width = a.shape, y.shape[1], panels.shape[2]
    like, size = y.dtype.type(0), y.itemsize
    edge = np.empty((ROWS, width), y.dtype)  # the tile beyond the last column
    for p in range(panels.shape[0]):
        right, j = panels.ctypes.data + p * depth * WIDTH, p * width
        some = min(width, columns - j)
        for i in range(0, m, ROWS):
            rows, left = min(ROWS, m - i), a.ctypes.data + i * a.strides[0]
            if some == width:
                before, after = start.ctypes.data + i * start.strides[0] + j * size, y.ctypes.data + i * y.strides[0] + j * size
                _tile(like, rows, left, a.strides[0], a.strides[1], right, before, start.strides[0], after, y.strides[0], depth)
            else:
                edge[:rows, :some] = start[i : i + rows, j:]
                _tile(like, rows, left, a.strides[0], a.strides[1], right, edge.ctypes.data, WIDTH, edge.ctypes.data, WIDTH, depth)
                y[i : i + rows, j:] = edge[:rows, :some]
