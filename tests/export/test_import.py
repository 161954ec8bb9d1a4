"""A file that was exported, or written by another tool, is a module that answers and learns as what it was made of."""

from __future__ import annotations

import copy
import json
import random
import re
import warnings
from functools import cache

import numpy as np
import pytest

import minigrad as mg
from minigrad import data, nn, optim, training
from minigrad.export import ExportError, OnnxImportError, import_onnx
from minigrad.export.onnx_file import LIMIT
from minigrad.export.onnx_model import onnx_bytes
from minigrad.export.operators.table import OPERATORS
from minigrad.export.table import NODES
from minigrad.nn import functional as F

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")

from .models import Call, numbers  # noqa: E402  (they need onnx)
from .nodes import cases  # noqa: E402
from .test_export import DOCS, LAYERS, by_onnxruntime, by_reference, computed, flat  # noqa: E402

helper = onnx.helper
CASES = cases()


@cache
def file_of(name):
    model, inputs, axes = LAYERS[name]
    return onnx_bytes(model, inputs, batch_axis=axes)


def imported(content, folder):
    (folder / "model.onnx").write_bytes(content)
    return import_onnx(folder / "model.onnx")


def assert_close(found, expected, bound=1e-6):
    """Equal to ``bound`` of the largest element."""
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        finite = np.isfinite(b.astype(float))
        np.testing.assert_array_equal(a[~finite], b[~finite])
        error = np.abs(a[finite].astype(float) - b[finite].astype(float)).max(initial=0)
        assert error <= bound * np.abs(b[finite].astype(float)).max(initial=0)


# ------------------------------------------------------------------------------------------------------ there and back


@pytest.mark.parametrize("name", LAYERS)
def test_an_exported_layer_comes_back_with_its_answers_and_gradients(name, tmp_path):
    original, inputs, _ = LAYERS[name]
    model, original = imported(file_of(name), tmp_path), copy.deepcopy(original).eval()
    assert not model.training
    with mg.no_grad():
        assert_close(flat(model(*inputs)), flat(original(*[mg.tensor(x) for x in inputs])))
    assert {n for n, _ in model.named_parameters()} == {n for n, _ in original.named_parameters()}

    def gradients(module):
        leaves = [mg.tensor(x, dtype=np.float64 if x.dtype.kind == "f" else None, requires_grad=x.dtype.kind == "f") for x in inputs]
        out = module.double()(*leaves)
        outs = [t for t in (out if isinstance(out, tuple) else [out]) for t in (t if isinstance(t, tuple) else [t])]
        weights = [np.random.default_rng(k).standard_normal(t.shape) for k, t in enumerate(outs)]
        sum((t * w).sum() for t, w in zip(outs, weights, strict=True)).backward()
        named = [*sorted(module.named_parameters()), *[(str(k), t) for k, t in enumerate(leaves)]]
        return {n: t.grad.numpy() for n, t in named if t.grad is not None}

    expected, found = gradients(original), gradients(model)
    assert {n for n, g in expected.items() if g.any()} <= set(found)
    largest = max((np.abs(g).max() for g in expected.values()), default=0)
    for n in set(found) & set(expected):
        np.testing.assert_allclose(found[n], expected[n], rtol=0, atol=1e-6 * largest, err_msg=n)


@pytest.mark.thorough
@pytest.mark.parametrize("name", LAYERS)
def test_an_imported_layer_passes_gradcheck(name, tmp_path):
    model = imported(file_of(name), tmp_path)
    inputs = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in LAYERS[name].inputs]
    assert mg.gradcheck(model, inputs if len(inputs) > 1 else inputs[0], directions=2).verdict == "pass"


@pytest.mark.parametrize("name", [name for name in NODES if name != "transfer"])
def test_an_exported_op_comes_back(name, tmp_path):
    op, compared = mg.OPS[name], 0
    for arrays, given, sample in computed(name):

        def function(*tensors, arrays=arrays, sample=sample):
            rest = iter(tensors)
            out = op(*[next(rest) if isinstance(a, np.ndarray) else a for a in arrays], **sample.params)
            return out[0] if isinstance(out, tuple) else out

        try:
            content = onnx_bytes(Call(function), tuple(given), batch_axis=None)
        except ExportError:
            continue  # a setting that has no counterpart
        assert_close(flat(imported(content, tmp_path)(*given)), flat(function(*[mg.tensor(a) for a in given])))
        compared += 1
    assert compared


def test_what_is_learned_is_what_the_model_learned(tmp_path):
    model = nn.Sequential(nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3, affine=False), nn.ZCAWhitening(3), nn.GELU())
    model[2].register_buffer("shift", mg.tensor(numbers(3)))
    found = imported(onnx_bytes(Call2(model), (numbers(4, 3, 3),)), tmp_path)
    assert {n for n, _ in found.named_parameters()} == {"model.0.weight", "model.0.bias"}
    assert {"model.1.running_mean", "model.1.running_var"} <= set(found.state_dict())


class Call2(nn.Module):
    """A model within a model, on one pixel."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, weight):  # an input that is called as a parameter is
        x = self.model[1](self.model[0](weight))
        return self.model[3](self.model[2](x[:, :, 0, 0]) + self.model[2].shift)


def test_an_imported_model_learns_as_the_original_does(tmp_path):
    mg.manual_seed(0)
    original = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.LayerNorm(36), nn.Linear(36, 10)
    )
    model = imported(onnx_bytes(original, np.zeros((1, 1, 8, 8), np.float32)), tmp_path)
    train, _ = data.digits()
    notes = []
    for trained in (original, model):
        mg.manual_seed(1)
        optimizer = optim.SGD(trained.parameters(), lr=0.05, momentum=0.9)
        trainer = training.Trainer(trained, optimizer, F.cross_entropy)
        trainer.progress.note = notes.append
        trainer.fit(data.DataLoader(train, 64, shuffle=True), 2)
    assert notes == ["steps are captured as one program of NumPy calls"] * 2
    state = model.state_dict()
    for name, value in original.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            np.testing.assert_allclose(state[name].numpy(), value.numpy(), rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", ["Conv2d", "BatchNorm2d", "LSTM", "TransformerEncoderLayer", "Sequential"])
def test_an_imported_model_can_be_copied_and_exported_again(name, tmp_path):
    _, inputs, axes = LAYERS[name]
    model = imported(file_of(name), tmp_path)
    again = imported(onnx_bytes(copy.deepcopy(model), inputs, batch_axis=axes), tmp_path)
    with mg.no_grad():
        expected = flat(model(*inputs))
        assert_close(flat(again(*inputs)), expected)
        for p in again.parameters():
            p.data[...] = 0
        assert_close(flat(model(*inputs)), expected)
    assert {n for n, _ in again.named_parameters()} == {n for n, _ in model.named_parameters()}


def test_dropout_of_a_file_drops_in_training_alone(tmp_path):
    model = imported(single("Dropout", [np.ones((8, 50), np.float32), np.float32(0.5)]), tmp_path)
    x = np.ones((8, 50), np.float32)
    assert (model(x).numpy() == 1).all()
    assert 0.3 < (model.train()(x).numpy() == 0).mean() < 0.7


# -------------------------------------------------------------------------------------------------- files of other tools


def single(op_type, inputs, attributes=None, opset=18, given=1, outputs=1):
    """A file of one node, whose first inputs are the model's."""
    values = {k: onnx.numpy_helper.from_array(v) if isinstance(v, np.ndarray) else v for k, v in (attributes or {}).items()}
    names = ["" if x is None else f"in_{k}" for k, x in enumerate(inputs)]
    made = [f"out_{k}" for k in range(outputs)]
    node = helper.make_node(op_type, names, made, name="only", **values)
    arrays = [onnx.numpy_helper.from_array(np.asarray(x), n) for n, x in zip(names, inputs, strict=True) if x is not None][given:]
    taken = [typed(n, x) for n, x in zip(names[:given], inputs, strict=False)]
    graph = helper.make_graph([node], "g", taken, [helper.make_tensor_value_info(n, 1, []) for n in made], arrays)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8).SerializeToString()


def typed(name, array):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), [None] * array.ndim)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.op_type} {list(case.attributes.items())}"[:60])
def test_a_node_of_another_tool_answers_as_in_onnx(case, tmp_path):
    content = single(*case)
    given = [np.asarray(x) for x in case.inputs[: case.given]]
    with mg.no_grad():
        found = flat(imported(content, tmp_path)(*given))
    try:
        complete = typed_outputs(content, found)
        expected = by_onnxruntime(complete, given)
    except Exception as error:  # onnxruntime has no kernel for it, or has not heard of the opset
        if not re.search("NOT_IMPLEMENTED|opset|INVALID_GRAPH", str(error)):
            raise
        expected = by_reference(complete, given)
    assert_close(found, [np.asarray(e) for e in expected], 1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.given and all(np.asarray(x).dtype.kind == "f" for x in c.inputs[: c.given])],
    ids=lambda case: f"{case.op_type} {list(case.attributes.items())}"[:60],
)
def test_a_node_of_another_tool_passes_gradcheck(case, tmp_path):
    model = imported(single(*case), tmp_path).double()
    inputs = [np.asarray(x, np.float64) for x in case.inputs[: case.given]]
    out = model(*inputs)
    if any(y.dtype.kind == "f" for y in (out if isinstance(out, tuple) else (out,))):
        assert mg.gradcheck(model, inputs if len(inputs) > 1 else inputs[0], directions=3).verdict == "pass"


def typed_outputs(content, values):
    """A file whose outputs say their types, as onnxruntime wants them."""
    model = onnx.load_from_string(content)
    for output, value in zip(model.graph.output, values, strict=True):
        output.CopyFrom(typed(output.name, value))
    return model.SerializeToString()


def test_each_operator_is_compared():
    assert {case.op_type for case in CASES} == set(OPERATORS)


def test_the_docs_list_what_is_imported():
    listed = DOCS.read_text().split("## Imported")[1].split("\n\n")[2]
    assert re.findall("`(.*?)`", listed) == sorted(OPERATORS)


@pytest.mark.torch
@pytest.mark.parametrize("dynamo", [False, True])
def test_a_file_of_pytorch_answers_and_has_its_gradients(dynamo, tmp_path):
    torch = pytest.importorskip("torch")
    if dynamo:
        pytest.importorskip("onnxscript", reason="PyTorch's newer exporter needs it")
    torch.manual_seed(0)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.GroupNorm(2, 8)
            self.block = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.gru, self.out = torch.nn.GRU(8, 6, batch_first=True, bidirectional=True), torch.nn.Linear(12, 5)

        def forward(self, x):
            x = torch.nn.functional.max_pool2d(torch.relu(self.norm(self.conv(x))), 2)
            x = self.block(x.flatten(2).transpose(1, 2))
            return torch.log_softmax(self.out(self.gru(x)[0].mean(1)), -1)

    net, x = Net().eval(), torch.randn(2, 3, 8, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (x,), str(tmp_path / "model.onnx"), dynamo=dynamo, opset_version=18, input_names=["x"], verbose=False)
    model = import_onnx(tmp_path / "model.onnx")
    leaf, theirs = mg.tensor(x.numpy(), requires_grad=True), x.clone().requires_grad_()
    out, expected = model(leaf), net(theirs)
    assert_close([out.detach().numpy()], [expected.detach().numpy()], 1e-5)
    out[:, 0].sum().backward()
    expected[:, 0].sum().backward()
    assert_close([leaf.grad.numpy()], [theirs.grad.numpy()], 1e-4)
    assert_close([model.conv.weight.grad.numpy()], [net.conv.weight.grad.numpy()], 1e-4)


def test_arrays_may_lie_in_a_file_beside_the_model(tmp_path):
    model, inputs, _ = LAYERS["Conv2d"]
    proto = onnx.load_from_string(file_of("Conv2d"))
    onnx.save(proto, tmp_path / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    with mg.no_grad():
        assert_close(flat(import_onnx(tmp_path / "model.onnx")(*inputs)), flat(model(mg.tensor(inputs[0]))))


# -------------------------------------------------------------------------------------------------------- refused files


def spoilt(change, name="Linear"):
    model = onnx.load_from_string(file_of(name))
    change(model)
    return model.SerializeToString()


def outside(model, place="../secret", offset=None):
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": place, **({} if offset is None else {"offset": offset})}.items():
        tensor.external_data.add(key=key, value=value)


def rename(model, op_type):
    model.graph.node[0].op_type = op_type


def cycle(model):
    model.graph.node[0].input[0] = model.graph.node[-1].output[0]


def set_dims(model, dims):
    model.graph.initializer[0].dims[:] = dims


REFUSED = {
    "not onnx": (lambda: b"\x00garbage", "is not an ONNX file, or it is damaged"),
    "nothing": (lambda: b"", "is not an ONNX file, or it is damaged"),
    "cut off": (lambda: file_of("Linear")[:-20], "is not an ONNX file, or it is damaged"),
    "old": (lambda: spoilt(lambda m: setattr(m.opset_import[0], "version", 12)), "has opset 12; from 13 to 28"),
    "operator": (lambda: spoilt(lambda m: rename(m, "NonZero")), "node 'Gemm': the operator 'NonZero' has no counterpart; .*Abs, Acos"),
    "domain": (lambda: spoilt(lambda m: setattr(m.graph.node[0], "domain", "com.x")), "the operator 'com.x.Gemm' has no counterpart"),
    "cycle": (lambda: spoilt(cycle), r"node 'Gemm' \(Gemm\) reads 'output', which neither an input nor a node before it gives"),
    "attribute": (
        lambda: spoilt(lambda m: m.graph.node[0].attribute.append(helper.make_attribute("scale", 2.0))),
        r"node 'Gemm' \(Gemm\): .*'scale'; it takes \(a, b, c=None, \*, alpha=1.0",
    ),
    "type of an attribute": (
        lambda: spoilt(lambda m: m.graph.node[0].attribute.append(helper.make_attribute("alpha", 2))), "no valid model: .*alpha"
    ),
    "missing input": (lambda: spoilt(lambda m: m.graph.node[0].ClearField("input")), "missing a required argument: 'a'"),
    "no output": (lambda: spoilt(lambda m: m.graph.ClearField("output")), "it has no output"),
    "given twice": (lambda: spoilt(lambda m: m.graph.node.append(m.graph.node[0])), "'Gemm' is given twice"),
    "sizes": (lambda: spoilt(lambda m: set_dims(m, [3, 2**40])), "takes 13194139533312 bytes, and there are 48"),
    "negative sizes": (lambda: spoilt(lambda m: set_dims(m, [3, -4])), r"has the shape \(3, -4\)"),
    "bfloat16": (lambda: spoilt(lambda m: setattr(m.graph.initializer[0], "data_type", 16)), "is BFLOAT16, .* save it as FLOAT"),
    "outside": (lambda: spoilt(outside), r"lies in '\.\./secret', which is not in the folder of the model"),
    "absolute": (lambda: spoilt(lambda m: outside(m, "/etc/hostname")), "which is not in the folder of the model"),
    "link": (lambda: spoilt(lambda m: outside(m, "link")), "which is not in the folder of the model"),
    "not there": (lambda: spoilt(lambda m: outside(m, "nothing.bin")), "there is no such file"),
    "too short": (lambda: spoilt(lambda m: outside(m, "model.onnx", "999999")), "from byte 999999, where there are not the 48 bytes"),
    "no text": (
        lambda: spoilt(lambda m: outside(m, "place.bin")).replace(b"place.bin", b"place\xffbin"),
        "lies in a file whose name or place is no text",
    ),
    "no number": (lambda: spoilt(lambda m: outside(m, "model.onnx", "x")), "at a place that is no number"),
    "learned": (lambda: spoilt(lambda m: setattr(m.metadata_props[0], "value", "{}")), "is no list of names"),
    "second output": (
        lambda: spoilt(lambda m: (m.graph.node[0].output.append("places"), m.graph.node[1].input.__setitem__(0, "places")), "MaxPool2d"),
        "is asked for its output 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(what, tmp_path):
    make, expected = REFUSED[what]
    (tmp_path / "secret").write_bytes(bytes(48))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(OnnxImportError, match=expected) as caught:
        imported(make(), folder)
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(OnnxImportError, match="is not a file"):
        import_onnx(tmp_path)
    with pytest.raises(OnnxImportError, match=r"nothing\.onnx"):
        import_onnx(tmp_path / "nothing.onnx")
    with open(tmp_path / "large.onnx", "wb") as file:
        file.truncate(LIMIT + 1)
    with pytest.raises(OnnxImportError, match="more than the"):
        import_onnx(tmp_path / "large.onnx")


def test_a_node_that_cannot_be_run_says_which_and_with_what(tmp_path):
    grow = single("Expand", [np.ones(1, np.float32), np.int64([2**20, 2**20])])
    with pytest.raises(OnnxImportError, match=r"node 'only' \(Expand\): .*268435456 elements are the most; its inputs: float32 \(1,\)"):
        imported(grow, tmp_path)(np.ones(1, np.float32))
    model = imported(file_of("Linear"), tmp_path)
    with pytest.raises(ValueError, match=r"OnnxModel takes input: float32 of shape \(N, 4\), and was given float32 of shape \(1, 5\)"):
        model(np.ones((1, 5), np.float32))
    with pytest.raises(ValueError, match="and was given int64"):
        model(np.ones((1, 4), np.int64))
    with pytest.raises(TypeError, match=r"takes 1 inputs, .*, and was given 0 by position, other"):
        model(other=np.ones((1, 4), np.float32))
    assert model(input=np.ones((1, 4), np.float32)).shape == (1, 3)


def test_elements_scattered_to_part_of_the_others_are_refused(tmp_path):
    model = imported(single("ScatterElements", [np.eye(3, dtype=np.float32), np.int64([[2]]), np.float32([[1]])]), tmp_path)
    with pytest.raises(OnnxImportError, match=r"indices that are shorter than the values along other axes"):
        model(np.eye(3, dtype=np.float32))


def test_names_that_no_module_can_have_are_kept_out_of_its_way(tmp_path):
    names = ["forward", "a", "a.b", "onnx::MatMul_1", "x." * 100, "", "training", "__class__"]
    arrays = [onnx.numpy_helper.from_array(numbers(3), name) for name in names if name]
    graph = helper.make_graph(
        [helper.make_node("Sum", ["in", *filter(None, names)], ["out"])], "g",
        [helper.make_tensor_value_info("in", 1, [1, 3])], [helper.make_tensor_value_info("out", 1, [1, 3])], arrays,
    )  # fmt: skip
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString()
    model = imported(content, tmp_path)
    assert len(list(model.parameters())) == 7
    assert {"a", "onnx::MatMul_1"} <= set(model.state_dict())
    with mg.no_grad():
        assert_close(flat(model(numbers(3))), [8 * numbers(3)])


@pytest.mark.parametrize("name", ["Linear", "Conv2d", "LSTM", "MaxPool2d", "AdaptiveAvgPool2d"])
def test_damaged_files_are_read_or_refused(name, tmp_path):
    good, rng, read = file_of(name), random.Random(name), 0
    for _ in range(100):
        content = bytearray(good)
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(len(content) or 1)
            content[at : at + rng.choice((0, 1, 30))] = bytes(rng.randrange(256) for _ in range(rng.randrange(4)))
        try:
            model = imported(bytes(content), tmp_path)
            read += 1
            with np.errstate(all="ignore"):
                model(*LAYERS[name].inputs)
        except OnnxImportError as error:
            assert "\n" not in str(error)  # noqa: PT017
        except (TypeError, ValueError) as error:
            assert str(error).startswith("OnnxModel takes")  # noqa: PT017
    assert read < 60


def test_the_file_says_what_is_learned():
    model = onnx.load_from_string(file_of("BatchNorm2d"))
    assert json.loads(model.metadata_props[0].value) == ["weight", "bias"]
