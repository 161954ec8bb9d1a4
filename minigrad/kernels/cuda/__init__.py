"""CUDA kernels: faster forms of some formulas, each beside the source it launches.

``launch.py`` is how a kernel is started and what is checked; read it first, then ``batch_norm.py`` with
``batch_norm.cu``. Importing this package registers the kernels with their ops, and what is no op with the backend;
`minigrad.core.device` has it loaded when a CUDA device is first asked for.
"""

from minigrad.backends import register
from minigrad.backends.cuda import CudaBackend, connect
from minigrad.cuda.memory import memory_report
from minigrad.kernels.cuda import (
    activation,
    batch_norm,
    cross_entropy,
    joining,
    layer_norm,
    optimizers,
    products,
    random,
    scaling,
    scatter,
    windows,
)

__all__ = [
    "activation", "batch_norm", "cross_entropy", "install", "joining", "layer_norm", "load", "optimizers", "products", "random",
    "scaling", "scatter", "windows",
]  # fmt: skip

#: what the backend does in one launch that is no op (see `minigrad.backends.Backend.services`)
SERVICES = {
    "philox": random.words,
    "random_mask": random.mask,
    "optimizer_steps": optimizers.STEPS,
    "clip_norm": optimizers.clip_norm,
    "scale_on_device": scaling.DeviceScale,
    "update_running": batch_norm.update_running,
    "memory_report": memory_report,
}


def load() -> CudaBackend:
    """Connect to the GPUs of this machine, and let ops run on them."""
    return install(connect())


def install(backend: CudaBackend) -> CudaBackend:
    """Let ops run on the arrays of a backend, with these kernels and services."""
    backend.services.update(SERVICES)
    register(backend)
    return backend
