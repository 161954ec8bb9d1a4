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
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.backends import Array, Namespace, register

CURE = 'run: pip install "minigrad[cuda]" (with a CUDA toolkit) or pip install "minigrad[cuda-ctk]" (without)'


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
    return status_of(cupy, sorted(_cupy_packages()))


def status_of(cupy: Any, packages: list[str]) -> CudaStatus:
    """Find out whether CUDA can be used by an imported CuPy that came from ``packages``."""
    if len(packages) > 1:
        return CudaStatus(False, f"several CuPy packages are installed ({', '.join(packages)}); pip uninstall all but one")
    runtime = cupy.cuda.runtime
    driver = runtime.driverGetVersion()
    if driver == 0:  # no libcuda.so.1 could be loaded
        return CudaStatus(False, "no NVIDIA driver was found (libcuda.so.1 cannot be loaded); install the driver of the GPU, or use device 'cpu'")
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        built = runtime.runtimeGetVersion()
        return CudaStatus(
            False,
            f"the NVIDIA driver supports CUDA {_version(driver)} and CuPy {cupy.__version__} was built for {_version(built)} "
            f"({first_line(error)}); update the driver, or run: pip install \"minigrad[cuda12]\" for an older one",
        )
    if count == 0:
        return CudaStatus(False, "no CUDA device is visible; check CUDA_VISIBLE_DEVICES and nvidia-smi")
    try:
        cupy.cuda.nvrtc.getVersion()
    except Exception as error:
        return CudaStatus(False, f'NVRTC, CUDA\'s run-time compiler, was not found ({first_line(error)}); run: pip install "minigrad[cuda-ctk]"')
    return CudaStatus(True, f"CuPy {cupy.__version__}, CUDA {_version(driver)}, {count} device{'s' if count > 1 else ''}")


def _cupy_packages() -> set[str]:
    """Return the installed distributions that bring a module called cupy."""
    names = {str(d.metadata["Name"]) for d in importlib.metadata.distributions() if d.metadata["Name"]}
    return {name for name in names if name.lower() == "cupy" or name.lower().startswith("cupy-cuda") or name.lower().startswith("cupy-rocm")}


def _version(number: int) -> str:
    """Write CUDA's 13020 as 13.2."""
    return f"{number // 1000}.{number % 1000 // 10}"


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    return (str(error).splitlines() or [""])[0]


def load() -> CudaBackend:
    """Import CuPy and let ops run on its arrays.

    Raises
    ------
    DeviceUnavailableError
        If CUDA cannot be used; the message says why, and what to do.
    """
    status = cuda_status()
    if not status.available:
        from minigrad.device import DeviceUnavailableError

        raise DeviceUnavailableError(f"device 'cuda' was asked for, but {status.reason}")
    import cupy

    return install(CudaBackend(cupy))


def install(backend: CudaBackend) -> CudaBackend:
    """Register a backend for CUDA arrays, and the kernels that are faster than the plain formulas."""
    register(backend)
    return backend


class CudaBackend:
    """CuPy's arrays and what minigrad does with them beyond calling functions of ``xp``."""

    kind = "cuda"

    def __init__(self, cupy: Namespace) -> None:
        self.xp = cupy
        self.array_type: type = cupy.ndarray

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
        with array.device:
            return np.asarray(array.get())
