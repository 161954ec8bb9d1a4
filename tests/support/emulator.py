"""Runs CUDA C++ programs on the CPU: compiled by g++ with cuda_shim.h, called through ctypes.

`RawModule` stands for CuPy's class of that name. Compiled programs are kept in a cache by their content.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minigrad.kernels.cuda.launch import KERNEL, parameter_of

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("MINIGRAD_TEST_CACHE", Path(tempfile.gettempdir()) / f"minigrad-tests-{os.getuid()}"))
SANITIZE = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-g"] if os.environ.get("MINIGRAD_SANITIZE") else []
FAULTS = {1: "a barrier was reached after some threads had returned", 2: "some threads never reached a barrier"}
SCALARS = {
    "float": ctypes.c_float, "double": ctypes.c_double, "int": ctypes.c_int, "long long": ctypes.c_longlong,
    "mg_u64": ctypes.c_ulonglong, "unsigned char": ctypes.c_ubyte,
}  # fmt: skip
seed = 0  #: order in which the threads of a block run; 0 is by number


def compiler(name: str = "g++") -> str:
    """The path of a compiler. Where it is missing the test is skipped, in CI it fails."""
    path = shutil.which(name) if sys.platform == "linux" else None
    if path is None:
        why = f"Linux and {name} are needed to run CUDA sources on the CPU"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    return path


def build(language: str, code: str, *flags: str) -> ctypes.CDLL:
    """Compile a shared library, or take it from the cache."""
    headers = [(HERE / name).read_text() for name in ("cuda_shim.h", "half.h")]
    key = hashlib.sha256("\0".join([code, *headers, *flags, *SANITIZE]).encode()).hexdigest()[:24]
    CACHE.mkdir(0o700, parents=True, exist_ok=True)
    library = CACHE / f"{key}.so"
    if not library.exists():
        made = CACHE / f"{key}.{os.getpid()}"
        command = [compiler("g++" if language == "c++" else "gcc"), "-x", language, "-", "-o", made, "-shared", "-fPIC", "-O1", f"-I{HERE}"]
        done = subprocess.run([*map(str, command), *flags, *SANITIZE, "-lm"], input=code, text=True, capture_output=True, check=False)
        if done.returncode:
            raise AssertionError(f"the program does not compile:\n{done.stderr[:3000]}")
        made.replace(library)
    return ctypes.CDLL(str(library))


class RawModule:
    """A program whose kernels run on the CPU."""

    def __init__(self, code: str, options: tuple[str, ...] = ()) -> None:
        self.signatures = {name: [parameter_of(p) for p in text.split(",")] for _, name, text in KERNEL.findall(code)}
        entries = [self._entry(name) for name in self.signatures]
        program = f'#include "cuda_shim.h"\n{code}\n{"".join(entries)}'
        self.library = build("c++", program, "-std=c++17", "-Wall", "-Wno-unknown-pragmas", "-Wno-sign-compare")

    def _entry(self, name: str) -> str:
        """A C function that launches a kernel; structs come by address."""
        parameters = self.signatures[name]
        taken = [f"void* {p.name}" if p.pointer or self._struct(p) else f"{p.type} {p.name}" for p in parameters]
        given = [f"({p.type}*){p.name}" if p.pointer else f"*(const {p.type}*){p.name}" if self._struct(p) else p.name for p in parameters]
        return (
            f'extern "C" int run_{name}(const unsigned* d, size_t shared, unsigned seed, {", ".join(taken)}) {{ return mg_shim::launch('
            f"dim3(d[0], d[1], d[2]), dim3(d[3], d[4], d[5]), shared, seed, [=] {{ {name}({', '.join(given)}); }}); }}\n"
        )

    @staticmethod
    def _struct(parameter: Any) -> bool:
        return parameter.type not in SCALARS and parameter.type not in ("real", "accum")

    def get_function(self, name: str) -> Any:
        function, parameters = getattr(self.library, f"run_{name}"), self.signatures[name]

        def call(grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...], shared_mem: int = 0) -> None:
            dims = (ctypes.c_uint * 6)(*(*grid, 1, 1)[:3], *(*block, 1, 1)[:3])
            values = [argument(p, a) for p, a in zip(parameters, args, strict=True)]
            fault = function(dims, ctypes.c_size_t(shared_mem), ctypes.c_uint(seed), *values)
            assert not fault, f"{name}: {FAULTS[fault]}"

        return call


def argument(parameter: Any, value: Any) -> Any:
    """An argument as C takes it. It must have the exact type already: CuPy would pass what it is given."""
    if hasattr(value, "_a"):
        return ctypes.c_void_p(value._a.ctypes.data)
    if isinstance(value, np.ndarray):  # a struct, passed by value
        assert value.size == 1, f"{parameter.name}: CuPy passes arrays of the host by value if they have one element"
        return ctypes.c_void_p(value.ctypes.data)
    if parameter.pointer:
        assert value == 0, "a pointer is an array or null"
        return ctypes.c_void_p(None)
    assert isinstance(value, np.generic), f"{parameter.name}: a Python number is passed by CuPy as 64 bits"
    return np.ctypeslib.as_ctypes_type(value.dtype)(value.item())
