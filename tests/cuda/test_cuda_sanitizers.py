"""The kernels' own tests once more, compiled with AddressSanitizer and UndefinedBehaviorSanitizer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.emulator import HERE, compiler

SPOILED = """
from support import emulator
from support.strict import xp
from minigrad.kernels.cuda.launch import source
import numpy as np
code = source("activation.cu", "float32").replace("MG_EACH(i, n) y[i] = real(mg_logistic", "MG_EACH(i, n + 1) y[i] = real(mg_logistic")
x = xp.ones(64, dtype="float32")
emulator.RawModule(code).get_function("mg_sigmoid")((1,), (32,), (x, xp.ones(64, dtype="float32"), np.int64(64)))
"""


def run_sanitized(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the sanitizers' libraries loaded, and kernels compiled with them."""
    libraries = [subprocess.run([compiler(), f"-print-file-name={name}.so"], text=True, capture_output=True, check=True).stdout.strip()
                 for name in ("libasan", "libubsan")]  # fmt: skip
    if not all(Path(library).exists() for library in libraries):
        why = "libasan and libubsan, which come with g++, are not installed"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    environment = {
        **os.environ, "MINIGRAD_SANITIZE": "1", "LD_PRELOAD": " ".join(libraries), "PYTHONPATH": str(HERE.parent), "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }  # fmt: skip
    command = [sys.executable, *arguments]
    return subprocess.run(command, text=True, capture_output=True, check=False, env=environment, cwd=HERE.parent.parent)


@pytest.mark.slow
def test_kernels_read_and_write_where_they_may() -> None:
    tests = ["tests/cuda/test_cuda_kernels.py", "tests/cuda/test_cuda_training.py", "tests/cuda/test_cuda_scaling.py"]
    done = run_sanitized("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests, "-k", "not planted and not barrier")
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert "AddressSanitizer" not in done.stderr
    assert "runtime error" not in done.stderr


def test_reading_beyond_the_end_is_found_with_its_line() -> None:
    done = run_sanitized("-c", SPOILED)
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr
    assert "activation.cu" in done.stderr
