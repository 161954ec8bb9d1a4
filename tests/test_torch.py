"""Every op against PyTorch: values and gradients over all samples. Runs where PyTorch is installed."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minigrad.core.op import OPS
from minigrad.gradcheck.samples import Sample
from minigrad.gradcheck.samples.problems import op_names, problem_of, samples_of

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the reference here and no dependency")
pytestmark = pytest.mark.torch

RTOL = 1e-10

#: ops that PyTorch has no counterpart of, and why
NO_COUNTERPART: dict[str, str] = {
    **dict.fromkeys(
        ("all_gather", "all_reduce", "broadcast", "reduce_scatter", "reduce_to"),
        "torch.distributed takes one process for each rank; here the ranks are an axis",
    ),
    **dict.fromkeys(("sync_batch_norm", "sync_batch_norm_relu"), "torch.nn.SyncBatchNorm refuses CPUs, and has no second derivative"),
}


def references() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted((Path(__file__).parent / "torch_reference").glob("[!_]*.py")):
        found |= runpy.run_path(str(path))["REFERENCES"]
    return found


REFERENCES = references()


def to_torch(value: Any) -> Any:
    return torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value


def close(ours: Any, theirs: Any, what: str) -> None:
    ours, theirs = np.asarray(ours), theirs.detach().resolve_conj().numpy()
    assert ours.shape == theirs.shape, what
    if ours.dtype.kind != "f":
        np.testing.assert_array_equal(ours, theirs, err_msg=what)
        return
    finite = np.isfinite(theirs)
    np.testing.assert_array_equal(np.where(finite, 0, ours), np.where(finite, 0, theirs), err_msg=what)
    top = np.abs(np.where(finite, theirs, 0)).max(initial=0.0)
    np.testing.assert_allclose(np.where(finite, ours, 0), np.where(finite, theirs, 0), rtol=RTOL, atol=RTOL * top, err_msg=what)


def compare(name: str, sample: Sample) -> None:
    p = problem_of(OPS[name], sample)
    args = [to_torch(a) for a in sample.args]
    for i in p.wrt:
        args[i].requires_grad_()
    result = REFERENCES[name](*args, **sample.params)
    theirs = list(result) if isinstance(result, (tuple, list)) else [result]
    direct = OPS[name](*sample.args, **sample.params)
    ours = list(direct) if isinstance(direct, tuple) else [direct]
    compared = [(o, t) for o, t in zip(ours, theirs, strict=True) if t is not None]
    assert compared, "the reference returns nothing"
    for o, t in compared:
        close(o, t, f"value of {name}{sample}")
    if not p.wrt:
        return
    outputs, pull = p.pullback(p.inputs)
    rng = np.random.default_rng(7)
    floats = [t for o, t in zip(ours, theirs, strict=True) if np.asarray(o).dtype.kind == "f"]
    cotangents = [None if t is None else rng.standard_normal(y.shape) for y, t in zip(outputs, floats, strict=True)]
    pairs = [(t, torch.from_numpy(np.asarray(v))) for t, v in zip(floats, cotangents, strict=True) if t is not None and t.requires_grad]
    if not pairs:
        return
    grads = pull(cotangents)
    wanted = [args[i] for i in p.wrt]
    expected = torch.autograd.grad([t for t, _ in pairs], wanted, [v for _, v in pairs], allow_unused=True)
    for i, g, e in zip(p.wrt, grads, expected, strict=True):
        zero = torch.zeros_like(args[i])
        close(np.zeros(args[i].shape) if g is None else g.data, zero if e is None else e, f"gradient of input {i} of {name}{sample}")


@pytest.mark.parametrize("name", [name for name in op_names() if name in REFERENCES])
def test_agrees_with_pytorch(name: str) -> None:
    for sample in samples_of(name):
        compare(name, sample)


def test_every_op_has_a_reference_or_a_reason() -> None:
    missing = set(op_names()) - set(REFERENCES) - set(NO_COUNTERPART)
    assert not missing, f"no PyTorch reference and no reason why: {sorted(missing)}"
    assert not set(NO_COUNTERPART) & set(REFERENCES), "a reason for an op that has a reference"
    assert set(REFERENCES) | set(NO_COUNTERPART) <= set(OPS), "an op that does not exist"
