"""What benchmarks/gpu checks before it times: that a GPU does what was proved without one."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from gpu.models import batch, digits_cnn, mlp
from gpu.part import Record, Result, backend, in_short, run
from minigrad import nn, optim
from minigrad.core.device import to_host
from minigrad.core.mode import changed_mode
from minigrad.nn import functional as F

HERE = Path(__file__).parent
#: ops whose results are defined up to the sign of each column: they are compared by size, and without their gradients
UP_TO_SIGN = {"eigh", "qr", "svd"}
#: what the gradients of are compared with finite differences, on the device
GRADCHECKED = ["batch_norm", "batch_norm_relu", "layer_norm", "linear", "convolution", "max_pool", "mean_cross_entropy", "matmul"]


def minigrad_step(make: Callable[[Any], Any], seed: int = 0, half: bool = False) -> Callable[..., Any]:
    """A training step with Adam; in float16, with a scale that overflows at first, if ``half``."""
    mg.manual_seed(seed)
    model = make(nn).to("cuda")
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    scaler = mg.GradScaler(init_scale=2.0**24, growth_interval=10, enabled=half)

    def step(x: Any, labels: Any) -> Any:
        optimizer.zero_grad()
        with mg.autocast("float16", enabled=half):
            loss = F.cross_entropy(model(x), labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss

    return step


def environment(record: Record) -> None:
    """What is measured on, and with which versions."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    runtime = backend().xp.cuda.runtime
    record["device"] = runtime.getDeviceProperties(0)["name"].decode()
    record["driver"], record["runtime"] = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    record["cupy"], record["numpy"] = backend().xp.__version__, np.__version__
    try:
        record["torch"] = version("torch")
    except PackageNotFoundError:
        record["torch"] = "not installed"
    record["minigrad"], record["python"], record["date"] = mg.__version__, platform.python_version(), time.strftime("%Y-%m-%d")


def check_rules(record: Record) -> None:
    """The rules of the strict double, on CuPy itself."""
    from support.rules import LOUDER, RECORDING, RULES, error_while_recording

    wrong = {}
    for name, (error, call) in RULES.items():
        try:
            call(backend().xp, backend().xp.ones((3, 4)))
            found: type[BaseException] | None = None
        except Exception as raised:
            found = type(raised)
        if name not in LOUDER and (found is None or not issubclass(found, error)):
            wrong[name] = f"expected {name_of(error)}, got {name_of(found)}"
    for name, (expected, call) in RECORDING.items():
        found = error_while_recording(backend().xp, call)
        if (found is None) != (expected is None) or (expected is not None and found is not None and not issubclass(found, expected)):
            wrong[f"recorded {name}"] = f"expected {name_of(expected)}, got {name_of(found)}"
    record["rules"] = {"ok": not wrong, "tried": len(RULES) + len(RECORDING), "wrong": wrong}


def name_of(error: type[BaseException] | None) -> str:
    return error.__name__ if error else "no error"


# --------------------------------------------------------------------------------------------------------------- ops


def samples(name: str, dtype: str) -> Iterator[Any]:
    """The samples of an op with their floating-point arrays in ``dtype``."""
    from minigrad.gradcheck.samples import Sample
    from minigrad.gradcheck.samples.problems import samples_of

    for sample in samples_of(name):
        args = [a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in sample.args]
        yield Sample(*args, **sample.params)


def difference(name: str, sample: Any, kernels: bool, up_to_sign: bool = False) -> float:
    """Largest difference of values and gradients on the GPU from those on the CPU, in parts of the largest value or 1."""
    from support.op_samples import computed, on_device

    with changed_mode(plain=True):
        expected = computed(name, sample, False)
    with changed_mode(plain=not kernels):
        got = computed(name, on_device(sample), False)
    worst = 0.0
    for a, b in zip(got[0] if up_to_sign else [*got[0], *got[1]], expected[0] if up_to_sign else [*expected[0], *expected[1]], strict=True):
        if (a is None) != (b is None):
            return float("inf")
        if b is None or not b.size:
            continue
        x, y = to_host(a.data).astype(np.float64), b.data.astype(np.float64)
        x, y = (np.abs(x), np.abs(y)) if up_to_sign else (x, y)
        finite = np.isfinite(y)
        if x.shape != y.shape or not np.array_equal(x[~finite], y[~finite], equal_nan=True):
            return float("inf")
        worst = max(worst, float(np.abs(x - y)[finite].max(initial=0)) / max(1.0, float(np.abs(y[finite]).max(initial=0))))
    return worst if np.isfinite(worst) else float("inf")


def check_ops(record: Record, names: list[str], kernels: bool, dtype: str, most: float) -> None:
    """Ops on their samples, forward and backward, against NumPy; those that the time did not suffice for are named."""
    wrong: dict[str, str] = {}
    unchecked = list(names)
    worst = 0.0
    for name in names:
        if record.late:
            break
        for sample in samples(name, dtype):
            try:
                found = difference(name, sample, kernels, name in UP_TO_SIGN)
                worst = max(worst, found if found <= most else 0.0)
                if not found <= most:
                    wrong.setdefault(name, f"{sample}: differs by {found:.2g}")
            except Exception as error:
                wrong.setdefault(name, f"{sample}: {in_short(error)}")
        unchecked.remove(name)
        record[dtype] = {"ok": not wrong, "ops": len(names) - len(unchecked), "largest difference": worst, "wrong": wrong}
    if unchecked:
        record[f"{dtype}, unchecked"] = f"{', '.join(unchecked)} (out of time; the next run finds CuPy's kernels compiled)"


def check_kernels(record: Record) -> None:
    """Every op that has kernels, by its kernels."""
    from support.op_samples import NAMES

    from minigrad.core.op import OPS

    backend()  # registers them
    names = [name for name in NAMES if any(device == "cuda" for device, _ in OPS[name].kernels)]
    check_ops(record, names, True, "float64", 1e-9)
    check_ops(record, names, True, "float32", 2e-4)


def check_formulas(record: Record) -> None:
    """Every op, by its plain formulas on CuPy's arrays."""
    from support.op_samples import NAMES

    check_ops(record, NAMES, False, "float64", 1e-9)


def check_gradients(record: Record) -> None:
    """The commonest ops against finite differences, on the device."""
    from minigrad.commands import main

    record["gradcheck"] = {"ok": main(["gradcheck", *GRADCHECKED, "--device", "cuda", "--mode", "quick"]) == 0, "ops": GRADCHECKED}


# ----------------------------------------------------------------------------------------------------- captured steps


def captured_equals_eager(make: Callable[[Any], Any], shape: tuple[int, ...], size: int, steps: int = 50, half: bool = False) -> Result:
    """A captured step against an eager one, half of them after other allocations."""
    runs = []
    for captured in (False, True):
        step = minigrad_step(make, 3, half)
        make_step = mg.cuda.capture(step) if captured else step
        x, labels = batch(shape, size)
        losses = []
        for k in range(steps):
            if k == steps // 2:
                mg.cuda.free_memory()
                fill_memory()
            args = (x, labels) if captured else tuple(mg.Tensor(a).to("cuda") for a in (x, labels))
            losses.append(make_step(*args))
        runs.append([loss.item() for loss in losses])
    worst = float(np.abs(np.array(runs[0]) - np.array(runs[1])).max())
    return {"ok": worst == 0.0 and runs[0][-1] < runs[0][0], "steps": steps, "largest difference of a loss": worst}


def fill_memory() -> None:
    """Write NaN over what the pool has to give: memory of a graph that was given away would show."""
    for size in (2**8, 2**12, 2**16, 2**20):
        kept = [backend().xp.full(size, np.nan, dtype="float32") for _ in range(64)]
        del kept


def check_capture(record: Record) -> None:
    """Captured steps, which must give the losses of eager ones to the last bit."""
    models = {"mlp": (mlp, (784,), False), "mlp in float16": (mlp, (784,), True), "digits cnn": (digits_cnn, (1, 8, 8), False)}
    for name, (make, shape, half) in models.items():
        try:
            record[name] = captured_equals_eager(make, shape, 64, half=half)
        except Exception as error:
            record[name] = {"ok": False, "error": in_short(error)}


# --------------------------------------------------------------------------------------------------------- collectives


def check_collectives(record: Record) -> None:
    """NCCL with the one rank that one GPU allows: every call on every type, and batch norm over ranks beside the op of one."""
    from minigrad.backends.cuda_nccl import connect
    from minigrad.distributed.group import Alone
    from minigrad.distributed.nccl import NcclGroup

    communicator, stream = connect(1, 0, 0, lambda name: name)
    group = NcclGroup(communicator, Alone(), stream)
    wrong = {dtype: said for dtype in ("float16", "float32", "float64", "int64", "uint8", "complex64") if (said := calls_of(group, dtype))}
    record["calls"] = {"ok": not wrong, "wrong": wrong}
    record["batch norm"] = {"ok": (worst := synchronized_batch_norm(group)) < 1e-12, "largest difference": worst}


def calls_of(group: Any, dtype: str) -> str:
    """Which collectives of a group of one do not return what they got."""
    x = backend().xp.arange(6).reshape(2, 3).astype(dtype)
    found = {
        "all_reduce": group.all_reduce(x), "all_reduce_": group.all_reduce_(x.copy()), "all_gather": group.all_gather(x)[0],
        "reduce_scatter": group.reduce_scatter(x[None]), "broadcast": group.broadcast(x), "strided": group.all_reduce(x[:, ::2].copy()),
    }  # fmt: skip
    return ", ".join(name for name, y in found.items() if not (to_host(y) == to_host(x[:, ::2] if name == "strided" else x)).all())


def synchronized_batch_norm(group: Any) -> float:
    """Largest difference of batch norm over the ranks from batch norm: value, first and second derivative."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in ((16, 3, 5, 5), (3,), (3,), (16, 3, 5, 5))]
    results = []
    for batch_norm in (group.batch_norm, mg.ops.batch_norm):
        x, w, b, g = (mg.Tensor(a).to("cuda").requires_grad_() for a in arrays)
        y = batch_norm(x, w, b, axis=(0, 2, 3))[0]
        first = mg.grad(y, [x, w, b], g, create_graph=True)
        second = mg.grad((first[0] ** 2).sum(), [x, w, g])
        results.append([to_host(t.data) for t in (y, *first, *second)])
    return max(float(np.abs(a - b).max()) for a, b in zip(*results, strict=True))


# ----------------------------------------------------------------------------------------------------------- sanitizer


#: what each tool of compute-sanitizer says where it found nothing, and its options
TOOLS = {"memcheck": ("ERROR SUMMARY: 0 errors", ["--report-api-errors", "no"]), "racecheck": ("RACECHECK SUMMARY: 0 hazards", [])}


def check_sanitizer(record: Record) -> None:
    """The kernels once more under compute-sanitizer, where it is installed; each array has an allocation of its own then."""
    tool = shutil.which("compute-sanitizer") or shutil.which("/usr/local/cuda/bin/compute-sanitizer")
    if tool is None:
        record["memcheck"] = "not done: compute-sanitizer is not installed"
        return
    for left, (name, (nothing, options)) in zip((2, 1), TOOLS.items(), strict=True):
        seconds = (record.until - time.time()) / left
        part = [sys.executable, str(HERE), "--part", "kernels", "--until", str(time.time() + 0.6 * seconds), "--no-pool"]
        status, said = run([tool, "--tool", name, *options, *part], seconds)
        if status is None:
            record[name] = "not done: out of time"
        else:
            record[name] = {"ok": nothing in said, "said": said[-1000:]}
