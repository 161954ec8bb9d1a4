"""Batch norm line by line, beside the one node that it is: the same gradient, and what each of them saves.

The lines are those of Ioffe and Szegedy, 2015, algorithm 1, with x - mean and 1 / sqrt(var + eps) as lines of their own. They
are run by the engine like any other computation, from the numbers that came into the node and with the cotangents that came back.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from functools import cache
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from minigrad.autograd import grad
from minigrad.backends import Array
from minigrad.core.device import to_host
from minigrad.core.mode import changed_mode
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, wrap
from minigrad.explore.document import document_of
from minigrad.explore.recorder import Recorder
from minigrad.ops.batch_normalization import batch_norm, batch_norm_relu
from minigrad.ops.standardization import normalized_axes

LINES = """\
mean = x.mean(axis=axis, keepdims=True)
centred = x - mean
var = (centred * centred).mean(axis=axis, keepdims=True)
rstd = (var + eps) ** -0.5
xhat = centred * rstd
"""
FUSED = (batch_norm, batch_norm_relu)  #: the ops that can be opened


def compared(op: Op, args: tuple[Any, ...], params: dict[str, Any], cotangents: list[Array | None]) -> dict[str, Any]:
    """Return batch norm as a small trace, its differences from the fused op, and the bytes that both save."""
    arrays = dict(zip(("x", "weight", "bias"), args, strict=False))
    axes = normalized_axes(op.name, args[0], params["axis"])
    fused = _run(lambda leaves: op(*leaves.values(), **params), arrays, cotangents)

    shape = tuple(1 if i in axes else n for i, n in enumerate(args[0].shape))
    arrays = {name: a if name == "x" or a is None else a.reshape(shape) for name, a in arrays.items()}
    code = _lines(arrays.get("weight") is not None, arrays.get("bias") is not None, op is batch_norm_relu)

    def line_by_line(leaves: dict[str, Tensor]) -> Any:
        found = {**leaves, "axis": axes, "eps": params.get("eps", op.params["eps"])}
        exec(code, found)
        return found["y"], found["mean"], found["var"]

    composed = _run(line_by_line, arrays, cotangents)
    return {
        **{key: composed.trace[key] for key in ("ops", "nodes", "backward")},
        "output": composed.trace["meta"]["output"],
        "inputs": composed.inputs,
        "saved_bytes": {"fused": fused.saved_bytes, "composed": composed.saved_bytes},
        "differences": {name: _difference(fused.gradients[name], g) for name, g in composed.gradients.items()},
    }


class _Run(NamedTuple):
    trace: dict[str, Any]
    inputs: dict[str, int]  #: id of the node of each input
    gradients: dict[str, Array]
    saved_bytes: int  #: but for weight and bias, which the layer holds anyway


def _run(function: Callable[[dict[str, Any]], tuple[Tensor, ...]], arrays: dict[str, Any], cotangents: list[Array | None]) -> _Run:
    """Compute outputs and gradients from arrays, and write down how."""
    leaves = {name: None if a is None else wrap(a, None).requires_grad_() for name, a in arrays.items()}
    live = {name: leaf for name, leaf in leaves.items() if leaf is not None}
    recorder = Recorder()
    with changed_mode(recording=True, observers=(recorder,), autocast=None):
        outputs = function(leaves)
        started = [(y, g.reshape(y.shape)) for y, g in zip(outputs, cotangents, strict=False) if g is not None]
        gradients = grad([y for y, _ in started], list(live.values()), [g for _, g in started])
        recorder.settle()
        output, refs = recorder.ref_of(outputs[0]), {name: recorder.ref_of(leaf) for name, leaf in live.items()}
    recorder.close()
    for entry in recorder.entries:  # they run while a walk does, which did not make them
        entry.number, entry.made_by = 0, None
    assert output is not None
    trace = document_of(recorder, roots=[output])
    held = {ref.node for name, ref in refs.items() if ref is not None and name != "x"}
    saved = {s.memory: s.bytes for e in recorder.entries for s in e.saved if s.memory >= 0 and (s.of is None or s.of.node not in held)}
    found = {name: g.data for name, g in zip(live, gradients, strict=True) if g is not None}
    return _Run(trace, {name: ref.node for name, ref in refs.items() if ref is not None}, found, sum(saved.values()))


@cache
def _lines(weight: bool, bias: bool, relu: bool) -> CodeType:
    """Compile the lines for what there is of weight, bias and ReLU, and give tracebacks and traces their text."""
    last = "xhat" + " * weight" * weight + " + bias" * bias
    text = LINES + (f"z = {last}\ny = z.relu()\n" if relu else f"y = {last}\n" if weight or bias else "y = +xhat\n")
    file = f"<batch norm line by line: {last}{', relu' * relu}>"
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    return compile(text, file, "exec")


def _difference(a: Array, b: Array) -> float:
    """Return the largest difference of two gradients, relative to the largest element."""
    one, other = (to_host(g).astype(np.float64).ravel() for g in (a, b))
    scale = float(np.abs(one).max(initial=0))
    return float(np.abs(one - other).max(initial=0)) / scale if scale else float(np.abs(other).max(initial=0))
