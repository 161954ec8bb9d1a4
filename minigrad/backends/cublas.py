"""Matrix products by cuBLAS, called through ctypes.

CuPy refuses its own cuBLAS calls while a stream is captured, and a captured training step is what makes toy models fast.
So `Blas` calls the library itself: `cublasGemmEx` and its strided batched form, with a workspace of its own, since the
default one may not be shared between a graph and eager work.

cuBLAS thinks in columns: a C-ordered array is to it the transpose. ``C = A B`` is therefore asked for as
``C^T = B^T A^T``, which takes the operands in swapped order and nothing else.
"""

from __future__ import annotations

import ctypes
from typing import Any

from minigrad.backends import Array, DeviceUnavailableError

HALF, SINGLE, DOUBLE = 2, 0, 1  # cudaDataType_t
TYPES = {"float16": HALF, "float32": SINGLE, "float64": DOUBLE}
COMPUTE_32F, COMPUTE_64F = 68, 70  # cublasComputeType_t
#: how float32 products may be rounded: name -> compute type. The last two use tensor cores.
PRECISIONS = {"float32": COMPUTE_32F, "tf32": 77, "bfloat16": 75}
WORKSPACE_BYTES = 32 * 2**20
_DEFAULT_ALGORITHM = -1

_P, _I, _L, _Z = ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong, ctypes.c_size_t
_SIGNATURES = {
    "cublasCreate_v2": [ctypes.POINTER(_P)],
    "cublasSetStream_v2": [_P, _P],
    "cublasSetWorkspace_v2": [_P, _P, _Z],
    "cublasGemmStridedBatchedEx": [
        _P, _I, _I, _I, _I, _I, _P, _P, _I, _I, _L, _P, _I, _I, _L, _P, _P, _I, _I, _L, _I, _I, _I,
    ],
}  # fmt: skip


def load_library() -> ctypes.CDLL:
    """Find cuBLAS: in a CUDA toolkit, or in its wheel.

    Raises
    ------
    DeviceUnavailableError
        If it is in neither.
    """
    from cuda.pathfinder import DynamicLibNotFoundError, load_nvidia_dynamic_lib  # CuPy depends on it

    try:
        return ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
    except (DynamicLibNotFoundError, OSError) as error:
        cure = "run: pip install 'cupy-cuda13x[ctk]' (the extra cuda-ctk)"
        raise DeviceUnavailableError(f"cuBLAS, which multiplies matrices on a GPU, was not found; {cure}") from error


class Blas:
    """A cuBLAS handle on one device.

    Parameters
    ----------
    library
        The loaded library.
    workspace
        Device memory for cuBLAS to work in; kept alive here.
    """

    def __init__(self, library: Any, workspace: Array) -> None:
        self._library, self._workspace = library, workspace
        for name, types in _SIGNATURES.items():
            function = getattr(library, name)
            function.argtypes, function.restype = types, _I
        self._handle = _P()
        self._check("cublasCreate_v2", library.cublasCreate_v2(ctypes.byref(self._handle)))
        self._stream: int | None = None

    def product(self, a: Array, b: Array, out: Array, *, stream: int, precision: str = "float32", beta: float = 0.0) -> None:
        """Compute ``out = a @ b + beta * out`` on a stream, for matrices or equally long stacks of them.

        The three are of one dtype; in each of them one of the last two axes has unit stride; ``out`` is C-contiguous.
        """
        if stream != self._stream:
            self._check("cublasSetStream_v2", self._library.cublasSetStream_v2(self._handle, stream))
            # setting the stream puts cuBLAS back on its own workspace
            self._check(
                "cublasSetWorkspace_v2",
                self._library.cublasSetWorkspace_v2(self._handle, self._workspace.data.ptr, self._workspace.nbytes),
            )
            self._stream = stream
        kind = TYPES[out.dtype.name]
        compute = COMPUTE_64F if kind == DOUBLE else PRECISIONS[precision] if kind == SINGLE else COMPUTE_32F
        scalar = ctypes.c_double if kind == DOUBLE else ctypes.c_float
        one, factor = scalar(1.0), scalar(beta)
        (m, k), n = a.shape[-2:], b.shape[-1]
        a_flipped, a_lead = _layout(a)
        b_flipped, b_lead = _layout(b)
        count = out.shape[0] if out.ndim == 3 else 1
        a_step, b_step, out_step = (x.strides[0] // x.itemsize if x.ndim == 3 else 0 for x in (a, b, out))
        status = self._library.cublasGemmStridedBatchedEx(
            self._handle, b_flipped, a_flipped, n, m, k, ctypes.addressof(one),
            b.data.ptr, kind, b_lead, b_step, a.data.ptr, kind, a_lead, a_step, ctypes.addressof(factor),
            out.data.ptr, kind, max(n, 1), out_step, count, compute, _DEFAULT_ALGORITHM,
        )  # fmt: skip
        self._check("cublasGemmStridedBatchedEx", status)

    @staticmethod
    def _check(call: str, status: int) -> None:
        if status:
            raise RuntimeError(f"{call} failed with cuBLAS status {status}")


def _layout(x: Array) -> tuple[int, int]:
    """Return whether the rows of ``x`` run against memory (1) or along it (0), and the distance between them."""
    rows, columns = x.shape[-2:]
    item = x.itemsize
    if (columns == 1 or x.strides[-1] == item) and (rows == 1 or x.strides[-2] >= columns * item):
        return 0, max(x.strides[-2] // item if rows > 1 else columns, columns, 1)
    return 1, max(x.strides[-1] // item if columns > 1 else rows, rows, 1)


def fits(x: Array) -> bool:
    """Tell whether cuBLAS can read ``x`` as it lies in memory."""
    rows, columns = x.shape[-2:]
    item = x.itemsize
    along = (columns == 1 or x.strides[-1] == item) and (rows == 1 or x.strides[-2] >= columns * item)
    against = (rows == 1 or x.strides[-2] == item) and (columns == 1 or x.strides[-1] >= rows * item)
    return bool((along or against) and x.strides[-1] % item == x.strides[-2] % item == 0)
