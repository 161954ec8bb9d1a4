"""Faster forms of some ops and formulas. A reader who never opens this folder has understood all of minigrad.

Each kernel stands for one function or formula in `minigrad.ops` and must agree with it on every sample of its op
(tests/test_laws.py). Here is what NumPy can do with fewer passes over memory: blocks that stay in the cache, results
written into place, sums by BLAS. `with mg.plain():` switches them off.
"""

from minigrad.kernels import (
    activation,
    attention,
    batch_norm,
    convolution,
    cross_entropy,
    indexing,
    layer_norm,
    masking,
    pooling,
    products,
    recurrent,
)

__all__ = [
    "activation", "attention", "batch_norm", "convolution", "cross_entropy", "indexing", "layer_norm", "masking", "pooling", "products",
    "recurrent",
]  # fmt: skip
