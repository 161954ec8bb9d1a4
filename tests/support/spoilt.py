"""Samples with one value that is not finite, in an input or in the cotangent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.core.op import OPS
from minigrad.gradcheck.samples import Sample
from minigrad.gradcheck.samples.problems import samples_of

VALUES = (np.inf, -np.inf, np.nan)


def spoilt(name: str) -> Iterator[tuple[Sample, float]]:
    """Yield samples of an op with one element of an input spoilt, and each as it is; with what the first cotangent is multiplied by."""
    op, rng = OPS[name], np.random.default_rng(0)
    for k, sample in enumerate(samples_of(name)):
        value = VALUES[k % 3]
        for place, a in enumerate(sample.args):
            is_weight = op.inputs[min(place, len(op.inputs) - 1)] == "weight"
            if isinstance(a, np.ndarray) and a.dtype.kind == "f" and a.size and not is_weight:
                changed = a.copy()
                changed.flat[rng.integers(a.size)] = value
                yield Sample(*sample.args[:place], changed, *sample.args[place + 1 :], **sample.params), 1.0
        yield sample, value


def assert_equal_where_finite(got: Any, expected: Any, context: Any) -> None:
    """What a formula makes finite a kernel makes the same, and nothing else finite."""
    finite = np.isfinite(expected)
    np.testing.assert_allclose(got[finite], expected[finite], rtol=1e-9, atol=1e-9, err_msg=repr(context))
    assert not np.isfinite(got[~finite]).any(), context
