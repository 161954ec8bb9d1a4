"""Exported models answer in onnxruntime and in onnx's reference evaluator as they do in minigrad."""

from __future__ import annotations

import re
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.export import ExportError, export_onnx
from minigrad.export.onnx_model import onnx_bytes
from minigrad.export.table import NODES, WITHOUT
from minigrad.gradcheck.samples.problems import samples_of

from .models import PICTURE, ROW, Call, layers, numbers

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
runtime = pytest.importorskip("onnxruntime", reason="compares with onnxruntime, which is not installed")
reference = pytest.importorskip("onnx.reference")

LAYERS = layers()
DOCS = Path(__file__).parents[2] / "docs" / "onnx.md"


def flat(result):
    return [
        t.numpy() for t in (result if isinstance(result, (tuple, list)) else [result]) for t in (t if isinstance(t, (tuple, list)) else [t])
    ]


def by_onnxruntime(content, inputs):
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(None, {i.name: x for i, x in zip(session.get_inputs(), inputs, strict=True)})


def by_reference(content, inputs):
    session = reference.ReferenceEvaluator(onnx.load_from_string(content))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return session.run(None, dict(zip(session.input_names, inputs, strict=True)))


RUNTIMES = [by_onnxruntime, by_reference]
NOT_IN_REFERENCE = {"RNN relu": "its RNN knows tanh alone"}


def assert_close(found, expected):
    """Equal to 1e-5 of the largest output."""
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(np.isfinite(a), np.isfinite(b))
        if b.size and np.isfinite(b).any():
            error = np.abs(a[np.isfinite(b)].astype(float) - b[np.isfinite(b)])
            assert error.max(initial=0) <= 1e-5 * np.abs(b[np.isfinite(b)].astype(float)).max(initial=0)


@cache
def exported(name):
    model, inputs, axes = LAYERS[name]
    return onnx_bytes(model, inputs, batch_axis=axes)


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("name", LAYERS)
def test_an_exported_layer_answers_as_in_minigrad(name, size):
    model, inputs, axis = LAYERS[name]
    rng = np.random.default_rng(size)
    batch = []
    for x in inputs:
        shape = tuple(size if a == axis else n for a, n in enumerate(x.shape))
        batch.append(rng.standard_normal(shape).astype(x.dtype) if x.dtype.kind == "f" else rng.integers(0, 5, shape))
    model.eval()
    with mg.no_grad():
        expected = flat(model(*[mg.tensor(x) for x in batch]))
    for run in RUNTIMES[: 1 if name in NOT_IN_REFERENCE else 2]:
        assert_close(run(exported(name), batch), expected)


def computed(name):
    """The samples of an op that it takes in float32."""
    for sample in samples_of(name):
        arrays = [a.astype(np.float32) if isinstance(a, np.ndarray) and a.dtype == np.float64 else a for a in sample.args]
        given = [a for a in arrays if isinstance(a, np.ndarray)]
        if given and all(a.size and a.dtype.kind in "fib" for a in given):
            yield arrays, given, sample


@pytest.mark.parametrize("name", [name for name in NODES if name not in ("transfer",)])
def test_an_exported_op_computes_its_samples(name):
    op, compared = mg.OPS[name], 0
    for arrays, given, sample in computed(name):

        def function(*tensors, arrays=arrays, sample=sample):
            rest = iter(tensors)
            out = op(*[next(rest) if isinstance(a, np.ndarray) else a for a in arrays], **sample.params)
            return out[0] if isinstance(out, tuple) else out  # what else an op returns may have no counterpart

        try:
            content = onnx_bytes(Call(function), tuple(given), batch_axis=None)
        except ExportError:
            continue  # a setting that has no counterpart
        assert_close(by_onnxruntime(content, given), flat(function(*[mg.tensor(a) for a in given])))
        compared += 1
    assert compared


def test_what_has_no_counterpart_is_refused_with_its_layer(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"before")
    model = nn.Sequential(nn.Linear(4, 4), Call(lambda x: mg.cumulative_prod(x, axis=1)))
    with pytest.raises(ExportError, match=r"the op cumulative_prod, in the layer 1 \(Call\(\)\), cannot be exported: .*no node"):
        export_onnx(model, path, ROW)
    with pytest.raises(ExportError, match=r"the op lstm, in LSTM.*projection"):
        export_onnx(nn.LSTM(4, 5, proj_size=2), path, numbers(3, 4), batch_axis=1)
    with pytest.raises(ExportError, match="computed from the input, but not by an op"):
        export_onnx(Call(lambda x: x + mg.tensor(x.numpy() ** 2)), path, ROW)
    assert path.read_bytes() == b"before"


def test_a_file_keeps_the_names_of_parameters_and_says_what_it_is(tmp_path):
    path = tmp_path / "model.onnx"
    model = nn.Sequential(nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3)).train()
    export_onnx(model, path, PICTURE)
    found = onnx.load(path)
    assert (found.ir_version, found.opset_import[0].version) == (8, 18)
    assert [node.op_type for node in found.graph.node][:2] == ["Conv", "BatchNormalization"]
    assert {"0.weight", "0.bias", "1.running_mean", "1.weight"} <= {i.name for i in found.graph.initializer}
    assert found.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    assert model.training
    assert model[1].training


def test_the_docs_list_what_is_exported():
    exported_part, without_part = DOCS.read_text().split("## A file becomes")[0].split("## Exported")[1].split("## Not exported")
    lists = exported_part.split("\n\nSome settings")[0], without_part
    assert [set(re.findall("`([a-z0-9_]+)`", text)) for text in lists] == [set(NODES), set(WITHOUT)]
    assert set(NODES) | set(WITHOUT) == {name for name, op in mg.OPS.items() if op.__module__.startswith("minigrad.ops")}
