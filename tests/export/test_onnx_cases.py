"""The cases that onnx has for each of its operators: each is answered as it says, or refused in a sentence."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad.export import OnnxImportError
from minigrad.export.operators.table import OPERATORS

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")

from .test_import import imported  # noqa: E402  (it needs onnx)

RANDOM = {"test_training_dropout", "test_training_dropout_default"}  #: what they drop is drawn


def given(value):
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")
def test_each_case_is_answered_or_refused(tmp_path):
    node = pytest.importorskip("onnx.backend.test.case.node")
    answered, wrong = set(), {}
    for case in node.collect_testcases(None):
        if case.model is None or not {n.op_type for n in case.model.graph.node} <= set(OPERATORS) or case.name in RANDOM:
            continue
        try:
            model = imported(case.model.SerializeToString(), tmp_path)
            for inputs, outputs in case.data_sets:
                with mg.no_grad(), np.errstate(all="ignore"):
                    found = model(*[given(x) for x in inputs])
                for a, b in zip(found if isinstance(found, tuple) else (found,), map(given, outputs), strict=True):
                    tolerance = 1e-2 if b.dtype == np.float16 else 1e-4
                    kind = complex if b.dtype.kind == "c" else float
                    same = (a.shape, a.dtype) == (b.shape, b.dtype)
                    if not same or not np.allclose(a.numpy().astype(kind), b.astype(kind), rtol=tolerance, atol=1e-5, equal_nan=True):
                        wrong[case.name] = f"{a.dtype} {a.shape} in place of {b.dtype} {b.shape}"
            answered.add(case.name)
        except OnnxImportError as error:
            assert "\n" not in str(error)  # noqa: PT017
    assert not wrong
    assert len(answered) > 800
