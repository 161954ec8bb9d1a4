"""Each kernel against the formula it stands for, run on the CPU through the shim."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support.op_samples import NAMES, computed, equal, on_device
from support.strict import LEDGER
from support.strict_cuda import pretended_gpu

import minigrad as mg
from minigrad.backends.cuda import CudaBackend
from minigrad.gradcheck.cases import samples_of
from minigrad.op import OPS


@pytest.fixture(autouse=True)
def gpu() -> Iterator[CudaBackend]:
    with pretended_gpu() as backend:
        LEDGER.clear()
        yield backend


with pretended_gpu():  # registers the kernels
    WITH_KERNELS = [name for name in NAMES if any(device == "cuda" for device, _ in OPS[name].kernels)]


@pytest.mark.parametrize("first_only", [False, True], ids=["all outputs", "first output"])
@pytest.mark.parametrize("name", WITH_KERNELS)
def test_kernel_agrees_with_its_formula_on_every_sample(name: str, first_only: bool) -> None:
    """Law 6, for the GPU: in float64, where the samples are."""
    kernel_launches = 0
    for sample in samples_of(name):
        with mg.graph.changed_mode(kernels=False):
            expected_out, expected = computed(name, sample, False, first_only)
        LEDGER.clear()
        out, grads = computed(name, on_device(sample), False, first_only)
        kernel_launches += sum(launch.startswith("mg_") or launch == "gemm" for launch in LEDGER.launches)
        for got, want in zip([*out, *grads], [*expected_out, *expected], strict=True):
            equal(got, want, f"{name}{sample}")
    assert kernel_launches, f"no sample of {name} reaches a kernel"
