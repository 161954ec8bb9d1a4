"""Launching a kernel: its source, its signature, and the checks that CuPy does not make.

The ``.cu`` files of this folder are one program for each type of element: `common.cuh` and a file, after definitions of
``real`` and ``accum``. The signature of a kernel is read from its source; `launch` checks every argument against it,
as a kernel that gets a float64 array for a ``float*`` computes nonsense without an error.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.backends import BACKENDS, Array

FOLDER = Path(__file__).parent
KERNEL = re.compile(r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\((\d+)[^)]*\)\s*)?(\w+)\s*\(([^)]*)\)', re.S)
#: element types: dtype -> what `real` and `accum` stand for
REALS = {"float16": ("mg_half", "float"), "float32": ("float", "float"), "float64": ("double", "double")}
_FIXED = {
    "float": np.float32, "double": np.float64, "int": np.int32, "long long": np.int64, "mg_u64": np.uint64, "unsigned char": np.uint8,
}  # fmt: skip
MAX_THREADS = 256  #: of a block, unless the kernel is compiled for more by __launch_bounds__: there are registers for so many
MAX_SHARED = 48 * 1024


@dataclass(frozen=True)
class Parameter:
    """A parameter of a kernel: ``const real* __restrict__ x`` has the type "real", and is a pointer."""

    type: str
    name: str
    pointer: bool

    def dtype(self, real: np.dtype[Any]) -> np.dtype[Any]:
        """Return the NumPy type of the elements, or of the value."""
        if self.type == "real":
            return real
        if self.type == "accum":
            return np.dtype(np.float64 if real == np.float64 else np.float32)
        return np.dtype(_FIXED[self.type]) if self.type in _FIXED else np.dtype((np.void, 1))


@functools.cache
def kernels() -> dict[str, tuple[str, tuple[Parameter, ...], int]]:
    """Return for every kernel the file it is in, its parameters, and how many threads a block may have."""
    found = {}
    for file in sorted(FOLDER.glob("*.cu")):
        for threads, name, parameters in KERNEL.findall(file.read_text()):
            found[name] = file.name, tuple(parameter_of(text) for text in parameters.split(",")), int(threads or MAX_THREADS)
    return found


def parameter_of(text: str) -> Parameter:
    words = text.replace("*", " * ").replace("__restrict__", " ").split()
    pointer = "*" in words
    *kind, name = [w for w in words if w not in ("*", "const")]
    return Parameter(" ".join(kind), name, pointer)


@functools.cache
def source(file: str, real: str) -> str:
    """Return the program of one file for elements of type ``real``, as CUDA C++."""
    element, accum = REALS[real]
    types = "" if element == "mg_half" else f"typedef {element} real;\n"
    after = "typedef mg_half real;\n" if element == "mg_half" else ""
    return (
        f'{types}typedef {accum} accum;\n#line 1 "common.cuh"\n{(FOLDER / "common.cuh").read_text()}\n{after}'
        f'#line 1 "{file}"\n{(FOLDER / file).read_text()}'
    )


def launch(name: str, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...], *, like: Array, shared: int = 0) -> None:
    """Run a kernel on the device of ``like``, whose dtype is ``real``; checked and queued, not waited for.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit the signature: kind, dtype, memory that is not C-contiguous, or a launch too large.
    """
    file, parameters, most = kernels()[name]
    if len(args) != len(parameters):
        raise TypeError(f"kernel {name} takes {len(parameters)} arguments, and {len(args)} were given")
    threads = int(np.prod(block))
    if not 0 < threads <= most or shared > MAX_SHARED or max(grid[1:], default=0) > 65535:
        raise ValueError(
            f"kernel {name}: grid {grid} of blocks {block} with {shared} bytes of shared memory is more than a GPU offers, "
            f"or than the {most} threads that the kernel is compiled for"
        )
    if 0 in grid:
        return  # nothing to do
    real = np.dtype(like.dtype if like.dtype.name in REALS else np.float32)  # of kernels that do not speak of it
    backend = BACKENDS[like.__class__]
    prepared = tuple([_checked(name, p, a, real, backend.array_type) for p, a in zip(parameters, args, strict=True)])
    backend.kernel(file, real.name, name, source)(grid, block, prepared, shared_mem=shared)  # type: ignore[attr-defined]


def _checked(kernel: str, parameter: Parameter, value: Array, real: np.dtype[Any], array_type: type) -> Array:
    """Return an argument as the kernel takes it."""
    if not parameter.pointer:
        return value if parameter.type not in ("real", "accum", *_FIXED) else parameter.dtype(real).type(value)
    if value is None:
        return np.uint64(0)  # a null pointer
    expected = parameter.dtype(real)
    array: Any = value
    if not isinstance(value, array_type):
        raise TypeError(f"kernel {kernel}: {parameter.name} must be an array of the device, not {type(value).__name__}")
    if array.dtype != expected and not (expected == np.uint8 and array.dtype == np.bool_):
        raise TypeError(f"kernel {kernel}: {parameter.name} is {array.dtype}, and the kernel reads {expected}")
    if not array.flags.c_contiguous:
        raise ValueError(f"kernel {kernel}: {parameter.name}, of shape {array.shape}, is not contiguous")
    return array


def contiguous(x: Array) -> Array:
    """Return ``x`` in C order: itself, or a copy. (``ascontiguousarray`` would make a 1-d array of a 0-d one.)"""
    return x if x.flags.c_contiguous else BACKENDS[x.__class__].xp.ascontiguousarray(x)


def blocks_for(n: int, threads: int = 256, most: int = 2048) -> tuple[int]:
    """Return a grid that covers ``n`` items with a loop that strides over the grid."""
    return (min(-(-n // threads), most),)


def accum_bytes(like: Array) -> int:
    """Return the size of ``accum`` where ``like`` holds ``real``."""
    return 8 if like.dtype == np.float64 else 4
