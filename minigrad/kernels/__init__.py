"""Faster forms of some ops and formulas. A reader who never opens this folder has understood all of minigrad.

Each kernel stands for one function or formula in `minigrad.ops` and must agree with it on every sample of its op
(tests/test_laws.py). Here is what NumPy can do with fewer passes over memory: blocks that stay in the cache, results
written into place, sums by BLAS. `minigrad.mode.Mode.kernels` switches them off.
"""

from minigrad.kernels import (
    attention as _attention,
    batch_norm as _batch_norm,
    convolution as _convolution,
    cross_entropy as _cross_entropy,
    layer_norm as _layer_norm,
    pooling as _pooling,
    products as _products,
    recurrent as _recurrent,
)

__all__: list[str] = []
