"""Batch norm broken on purpose: what should notice does."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.lab import run
from minigrad.lab.mutants import MUTANTS, broken, op_of


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_has_one_fault(mutant):
    """Its outputs are right where eps does not matter, and its gradient is not; outside it, everything is as it was."""
    x = np.random.default_rng(0).normal(size=(8, 3))
    right, wrong = mg.batch_norm(x, axis=0), op_of(mutant)(x, axis=0)
    for a, b in zip(right, wrong, strict=True):
        np.testing.assert_allclose(a, b.data, rtol=2e-5, atol=1e-12)
    layer, op = nn.BatchNorm1d, mg.batch_norm
    with broken(mutant):
        assert nn.BatchNorm1d is not layer
        assert isinstance(nn.BatchNorm1d(3), layer)
        assert mg.batch_norm is not op
    assert nn.BatchNorm1d is layer
    assert mg.batch_norm is op


@pytest.mark.parametrize(
    ("mutant", "notice"),
    [
        ("no gradient through the variance", {"small_batches"}),
        ("no gradient through mean and variance", {"small_batches"}),
        ("eps outside the root", {"identity"}),
    ],
)
def test_exact_claims_notice(mutant, notice):
    names = ["identity", "small_batches", "unbiased_variance"]
    with broken(mutant):
        verdicts = {record.name: record.verdict for record in run(names, seeds=(0,))}
    assert {name for name, verdict in verdicts.items() if verdict != "reproduced"} == notice
