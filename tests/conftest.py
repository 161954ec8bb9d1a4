"""Set up for every test: one BLAS thread, as several test processes share the cores, and no time limit per example."""

import importlib.util
import inspect
import os
from functools import cache

import pytest
from hypothesis import settings

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

settings.register_profile("shared cores", deadline=None)
settings.load_profile("shared cores")


def pytest_configure(config):
    if os.environ.get("MINIGRAD_REQUIRE_TORCH") and importlib.util.find_spec("torch") is None:
        pytest.exit("MINIGRAD_REQUIRE_TORCH is set, and PyTorch is not installed", returncode=1)


def pytest_collection_modifyitems(items):
    """Mark what compares with PyTorch, so that it can be run by itself where PyTorch is."""
    for item in items:
        if compares_with_torch(item.function):
            item.add_marker(pytest.mark.torch)


@cache
def compares_with_torch(function):
    return 'importorskip("torch"' in inspect.getsource(function)
