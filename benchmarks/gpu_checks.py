"""What benchmarks/gpu.py checks before it times: that a GPU does what was proved without one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from gpu_models import batch, mlp

import minigrad as mg
from minigrad import nn, optim
from minigrad.device import backend_of, to_host
from minigrad.nn import functional as F

HERE = Path(__file__).parent
Result = dict[str, Any]


def backend() -> Any:
    """The CUDA backend; its ``xp`` is CuPy."""
    return backend_of("cuda")


def minigrad_step(make: Callable[[Any], Any], seed: int = 0) -> Callable[..., Any]:
    """A training step with Adam."""
    mg.manual_seed(seed)
    model = make(nn).to("cuda")
    optimizer = optim.Adam(model.parameters(), lr=1e-3)

    def step(x: Any, labels: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


def check_rules() -> Result:
    """The rules of the strict double, on CuPy itself."""
    from support.rules import LOUDER, RULES

    wrong = {}
    for name, (error, call) in RULES.items():
        try:
            call(backend().xp, backend().xp.ones((3, 4)))
            found: type[BaseException] | None = None
        except Exception as raised:
            found = type(raised)
        if name not in LOUDER and (found is None or not issubclass(found, error)):
            wrong[name] = f"expected {error.__name__}, got {found.__name__ if found else 'no error'}"
    return {"ok": not wrong, "rules": len(RULES), "wrong": wrong}


def check_ops(kernels: bool) -> Result:
    """Every op on its samples, forward and backward, against NumPy: by plain formulas, or by kernels where there are some."""
    from support.op_samples import NAMES, computed, on_device

    from minigrad.gradcheck.cases import samples_of

    wrong: dict[str, str] = {}
    for name in NAMES:
        for sample in samples_of(name):
            try:
                with mg.graph.changed_mode(kernels=False):
                    expected = computed(name, sample, False)
                with mg.graph.changed_mode(kernels=kernels):
                    got = computed(name, on_device(sample), False)
                for a, b in zip([*got[0], *got[1]], [*expected[0], *expected[1]], strict=True):
                    if b is not None:
                        np.testing.assert_allclose(to_host(a.data), b.data, rtol=1e-9, atol=1e-11)
            except Exception as error:
                wrong.setdefault(name, f"{sample}: {type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}")
    return {"ok": not wrong, "ops": len(NAMES), "wrong": wrong}


def check_sanitizer() -> Result:
    """The kernels once more under compute-sanitizer, where it is installed."""
    tool = shutil.which("compute-sanitizer")
    if tool is None:
        return {"ok": True, "skipped": "compute-sanitizer is not installed"}
    command = [tool, "--tool", "memcheck", "--error-exitcode", "3", sys.executable, str(HERE / "gpu.py"), "--only", "kernels", "--no-write"]
    done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=240)
    return {"ok": done.returncode == 0, "report": done.stdout[-2000:] if done.returncode else ""}


def check_capture(steps: int = 50, make: Callable[[Any], Any] = mlp, size: int = 64) -> Result:
    """A captured step against an eager one, and again after other allocations."""
    runs = []
    for captured in (False, True):
        step = minigrad_step(make, seed=3)
        run = mg.cuda.capture(step) if captured else step
        x, labels = batch((784,), size)
        losses = []
        for k in range(steps):
            if k == steps // 2:
                mg.cuda.free_memory()
                fill_memory()
            args = (x, labels) if captured else tuple(mg.Tensor(a).to("cuda") for a in (x, labels))
            losses.append(run(*args))
        runs.append([loss.item() for loss in losses])
    worst = float(np.abs(np.array(runs[0]) - np.array(runs[1])).max())
    return {"ok": worst == 0.0, "steps": steps, "largest difference of a loss": worst}


def fill_memory() -> None:
    """Write NaN over what the pool has to give: memory of a graph that was given away would show."""
    for size in (2**8, 2**12, 2**16, 2**20):
        kept = [backend().xp.full(size, np.nan, dtype="float32") for _ in range(64)]
        del kept


#: by the name that ``--only`` takes
CHECKS: dict[str, Callable[[], Result]] = {
    "rules": check_rules,
    "formulas": lambda: check_ops(False),
    "kernels": lambda: check_ops(True),
    "capture": check_capture,
    "sanitizer": check_sanitizer,
}
