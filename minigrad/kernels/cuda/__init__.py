"""CUDA kernels: faster forms of some formulas, each beside the source it launches.

``launch.py`` is how a kernel is started and what is checked; read it first, then ``batch_norm.py`` with
``batch_norm.cu``. Importing this package registers the kernels with their ops; `minigrad.backends.cuda` does so when a
CUDA device is first asked for.
"""

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
    "activation", "batch_norm", "cross_entropy", "joining", "layer_norm", "optimizers", "products", "random", "scaling", "scatter",
    "windows",
]  # fmt: skip
