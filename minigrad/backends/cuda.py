"""CUDA through CuPy: the only module, with `minigrad.cuda`, that may import cupy, and only when a CUDA device is asked for.

`cuda_status` tells whether CUDA can be used and, if not, what is missing, in one sentence with its cure. `load` imports
CuPy and registers its arrays, after which every op runs on them by its plain formula, and the faster forms of
`minigrad.kernels.cuda` take over where they apply.

Eager work goes to CuPy's current stream, so that it is ordered with whatever else the process does on the GPU. Copies from
the host go through pinned memory, which CuPy keeps until the copy has passed. The host waits for the device in one
function, `CudaBackend.to_host`.
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.backends import Array, DeviceUnavailableError, Namespace
from minigrad.backends.cublas import WORKSPACE_BYTES, Blas, load_library

WHOLE_TOOLKIT = "run: pip install 'cupy-cuda13x[ctk]' (the extra cuda-ctk)"
CURE = "run: pip install cupy-cuda13x (the extra cuda) or, without a CUDA toolkit, pip install 'cupy-cuda13x[ctk]' (the extra cuda-ctk)"


@dataclass(frozen=True)
class CudaStatus:
    """Whether CUDA can be used."""

    available: bool
    reason: str  #: one sentence: what is there, or what is missing and how to mend it


@functools.cache
def cuda_status() -> CudaStatus:
    """Find out whether CUDA can be used, without allocating anything and without raising."""
    try:
        import cupy
    except Exception as error:  # a broken wheel or a NumPy out of its range may raise anything
        if isinstance(error, ModuleNotFoundError) and error.name == "cupy":
            return CudaStatus(False, f"CuPy is not installed; {CURE}")
        return CudaStatus(False, f"CuPy is installed but cannot be imported ({type(error).__name__}: {first_line(error)}); reinstall it")
    return status_of(cupy, sorted(_cupy_packages()), _headers())


def status_of(cupy: Any, packages: list[str], headers: str | None) -> CudaStatus:
    """Find out whether CUDA can be used by an imported CuPy that came from ``packages``, with ``headers`` of the CUDA runtime."""
    if len(packages) > 1:
        return CudaStatus(False, f"several CuPy packages are installed ({', '.join(packages)}); pip uninstall all but one")
    runtime = cupy.cuda.runtime
    driver = runtime.driverGetVersion()
    if driver == 0:  # no libcuda.so.1 could be loaded
        return CudaStatus(False, "no NVIDIA driver was found (libcuda.so.1); install the driver of the GPU, or use device 'cpu'")
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        built = runtime.runtimeGetVersion()
        return CudaStatus(
            False,
            f"the NVIDIA driver supports CUDA {_version(driver)} and CuPy {cupy.__version__} was built for {_version(built)} "
            f"({first_line(error)}); update the driver, or run: pip install cupy-cuda12x (the extra cuda12) for an older one",
        )
    if count == 0:
        return CudaStatus(False, "no CUDA device is visible; check CUDA_VISIBLE_DEVICES and nvidia-smi")
    try:
        cupy.cuda.nvrtc.getVersion()
    except Exception as error:
        return CudaStatus(False, f"NVRTC, CUDA's run-time compiler, was not found ({first_line(error)}); {WHOLE_TOOLKIT}")
    if headers is None:
        return CudaStatus(False, f"the headers of the CUDA runtime, which CuPy compiles its kernels with, were not found; {WHOLE_TOOLKIT}")
    return CudaStatus(True, f"CuPy {cupy.__version__}, CUDA {_version(driver)}, {count} device{'s' if count > 1 else ''}")


def _cupy_packages() -> set[str]:
    """Return the installed distributions that bring a module called cupy."""
    names = {str(d.metadata["Name"]) for d in importlib.metadata.distributions() if d.metadata["Name"]}
    return {name for name in names if name.lower() == "cupy" or name.lower().startswith(("cupy-cuda", "cupy-rocm"))}


def _headers() -> str | None:
    """Return the folder of the CUDA runtime's headers, looked up as CuPy does; None if there is none."""
    from cuda.pathfinder import find_nvidia_header_directory  # CuPy depends on it

    found: str | None = find_nvidia_header_directory("cudart")
    return found


def _version(number: int) -> str:
    """Write CUDA's 13020 as 13.2."""
    return f"{number // 1000}.{number % 1000 // 10}"


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    return (str(error).splitlines() or [""])[0]


def connect() -> CudaBackend:
    """Import CuPy and return its arrays and devices as a backend.

    Raises
    ------
    DeviceUnavailableError
        If CUDA cannot be used; the message says why, and what to do.
    """
    status = cuda_status()
    if not status.available:
        raise DeviceUnavailableError(f"device 'cuda' was asked for, but {status.reason}")
    import cupy

    return CudaBackend(cupy)


class CudaBackend:
    """CuPy's arrays and what minigrad does with them beyond calling functions of ``xp``."""

    kind = "cuda"

    def __init__(self, cupy: Namespace) -> None:
        self.xp = cupy
        self.array_type: type = cupy.ndarray
        self.services: dict[str, Any] = {}  #: filled by `minigrad.kernels.cuda`, which lies above
        self.precision = "float32"  #: how float32 products are rounded: a name in minigrad.backends.cublas.PRECISIONS
        self.capture: Any = None  #: the `minigrad.replay.cuda_graph.CudaGraph` that is being made, if one is
        self._functions: dict[tuple[str, str, str], Any] = {}
        self._blas: dict[int, Blas] = {}
        self._checks: dict[int, LabelCheck] = {}
        self._capturing: dict[int, Any] = {}  # streams on which steps are recorded

    # ------------------------------------------------------------------------------------------- arrays and devices

    def device_index(self, array: Array) -> int:
        """Return the number of the GPU that holds ``array``."""
        return int(array.device.id)

    def device_count(self) -> int:
        """Return how many GPUs there are."""
        return int(self.xp.cuda.runtime.getDeviceCount())

    def from_host(self, array: np.ndarray[Any, Any], index: int) -> Array:
        """Copy a NumPy array to GPU ``index``, without waiting for the copy."""
        with self.xp.cuda.Device(index):
            return self.xp.asarray(array)

    def to_host(self, array: Array) -> np.ndarray[Any, Any]:
        """Return the values as a NumPy array: the one place where the host waits for the device."""
        if self.capture is not None:
            raise RuntimeError("a value was looked at")
        with array.device:
            values = np.asarray(array.get())
            check = self._checks.get(int(array.device.id))
            if check is not None:
                check.report()
            return values

    # ------------------------------------------------------------------------------------------- what kernels use

    def kernel(self, file: str, real: str, name: str, source: Callable[[str, str], str]) -> Any:
        """Return a kernel of the program ``source(file, real)``, compiled when it is first needed."""
        key = (file, real, name)
        if key not in self._functions:
            module = self.xp.RawModule(code=source(file, real), options=("-std=c++17",))
            self._functions[key] = module.get_function(name)
        return self._functions[key]

    def gemm(self, a: Array, b: Array, out: Array) -> None:
        """Compute ``out = a @ b`` with cuBLAS; see `minigrad.backends.cublas.Blas.product`."""
        index = int(out.device.id)
        blas = self._blas.get(index)
        if blas is None:
            blas = self._blas[index] = Blas(load_library(), self.xp.empty(WORKSPACE_BYTES, dtype=np.uint8))
        blas.product(a, b, out, stream=self.xp.cuda.get_current_stream().ptr, precision=self.precision)

    def capturing_stream(self, index: int) -> Any:
        """Return the stream on which steps are recorded on GPU ``index``.

        It is one and kept, as another that CUDA makes after it is destroyed may have the same address, which cuBLAS could
        not tell from the first.
        """
        if index not in self._capturing:
            self._capturing[index] = self.xp.cuda.Stream(non_blocking=True)
        return self._capturing[index]

    def must_not_record(self, what: str) -> None:
        """Refuse to make while a step is recorded what outlasts it: each replay would make it anew."""
        if self.capture is not None:
            raise RuntimeError(f"{what} for the first time while a step is captured; make a step without capture before")

    def label_check(self) -> LabelCheck:
        """Return where kernels on the current GPU note a label that is not the number of a class."""
        index = int(self.xp.cuda.Device().id)
        if index not in self._checks:
            self._checks[index] = LabelCheck(self.xp)
        return self._checks[index]


class LabelCheck:
    """A label that is not the number of a class, noted on the device and reported when the host next waits for it.

    A kernel that meets one makes its loss NaN and puts its position here; so no training step has to wait.
    """

    NONE = 2**63 - 1

    def __init__(self, xp: Namespace) -> None:
        self.place = xp.full(2, self.NONE, dtype=np.int64)  #: position * 2**32 + label, number of classes

    def report(self) -> None:
        """Raise an IndexError if a label was noted; the host is waiting for the device already."""
        noted, classes = (int(n) for n in self.place.get())
        if noted != self.NONE:
            self.place.fill(self.NONE)
            position, label = noted >> 32, (noted & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
            raise IndexError(f"cross-entropy: label {label} at position {position} is outside the {classes} classes, 0 to {classes - 1}")
