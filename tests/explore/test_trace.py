"""What holds of every trace: contributions add up to the gradient, inputs point backward, recording changes nothing."""

from __future__ import annotations

import gc
import json
import weakref
from importlib.resources import files
from time import process_time

import numpy as np
import pytest
from support.traces import array, chain, check, cnn, reuse, sums, transformer

import minigrad as mg
from minigrad.core.mode import mode
from minigrad.core.op import OPS
from minigrad.explore import Trace, TraceError, record
from minigrad.gradcheck.samples import Sample
from minigrad.gradcheck.samples.problems import differentiable, op_names, samples_of


def run(name: str, sample: Sample, create_graph: bool = False) -> tuple[list[np.ndarray], list[mg.Tensor]]:
    """The outputs of an op, and the leaves that it was applied to, after a backward pass from all outputs."""
    live = differentiable(OPS[name], sample)
    args = [mg.tensor(a, requires_grad=i in live) if isinstance(a, np.ndarray) else a for i, a in enumerate(sample.args)]
    result = OPS[name](*args, **sample.params)
    outputs = list(result) if isinstance(result, tuple) else [result]
    started = [y for y in outputs if y.requires_grad]
    rng = np.random.default_rng(5)
    cotangents = [rng.standard_normal(y.shape).astype(y.dtype) for y in started]
    leaves = [args[i] for i in live]
    if started:
        gradients = mg.grad(started, leaves, cotangents, create_graph=create_graph, allow_unused=True)
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad = None if gradient is None else gradient.detach()
        again = [g.sum() for g in gradients if g is not None and g.requires_grad] if create_graph else []
        if again:
            mg.grad(again, leaves, allow_unused=True)
    return [y.data for y in outputs], leaves


@pytest.mark.parametrize("name", op_names())
def test_contributions_add_up_and_recording_changes_no_bit(name):
    for sample in samples_of(name):
        with np.errstate(all="ignore"):
            plain, unrecorded = run(name, sample)
            with record(full=True) as trace:
                outputs, leaves = run(name, sample)
        assert [y.tobytes() for y in outputs] == [y.tobytes() for y in plain]
        check(trace)
        parts = sums(trace)
        for leaf, other in zip(leaves, unrecorded, strict=True):
            assert (leaf.grad is None) == (other.grad is None)
            if leaf.grad is None:
                continue
            assert leaf.grad.data.tobytes() == other.grad.data.tobytes()
            ref = trace.find(leaf)
            if leaf.size and ref is not None and (1, ref["node"], ref["output"]) in parts:
                total = sum(parts[1, ref["node"], ref["output"]])
                np.testing.assert_allclose(total, leaf.grad.data.ravel(), rtol=1e-12, atol=1e-300)
            else:
                assert not leaf.grad.data.any()


@pytest.mark.slow
@pytest.mark.parametrize("name", op_names())
def test_contributions_of_second_derivatives_add_up(name):
    for sample in samples_of(name):
        with np.errstate(all="ignore"), record(full=True) as trace:
            run(name, sample, create_graph=True)
        check(trace)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("network", [cnn, transformer])
def test_every_parameter_of_a_network(network, dtype):
    plain, loss = network(dtype)
    loss.backward()
    with record(full=True) as trace:
        model, loss = network(dtype)
        loss.backward()
    assert check(trace) > 10
    nodes = {node["name"]: node for node in trace.document["nodes"]}
    for (name, parameter), other in zip(model.named_parameters(), plain.parameters(), strict=True):
        assert parameter.grad.data.tobytes() == other.grad.data.tobytes()
        np.testing.assert_allclose(array(nodes[name]["grads"][0]["value"]), parameter.grad.data.ravel(), rtol=1e-7)


def test_a_double_backward_is_two_passes_and_the_graph_of_the_gradient():
    x = mg.tensor([0.5, -1.0, 2.0], dtype="float64", requires_grad=True)
    with record() as trace:
        y = (x**3).sum()
        (slope,) = mg.grad(y, x, create_graph=True)
        penalty = (slope * slope).sum()
        penalty.backward()
    assert check(trace) > 5
    first, second = trace.document["passes"]
    assert (first["create_graph"], first["retain_graph"], second["create_graph"]) == (True, True, False)
    node = trace.document["nodes"][trace.find(slope)["node"]]
    assert (node["pass"], node["name"]) == (1, "slope")
    assert trace.document["nodes"][node["made_by"]]["op"] == "pow"
    grads = {g["pass"]: array(g["value"]) for g in trace.document["nodes"][trace.find(x)["node"]]["grads"]}
    np.testing.assert_allclose(grads[1], 3 * x.data**2)
    np.testing.assert_allclose(grads[2], 36 * x.data**3)


def test_two_contributions_that_are_added_in_a_pass_with_a_graph_are_a_sum():
    x = mg.tensor([2.0], requires_grad=True)
    with record() as trace:
        y = (x * x).sum()
        mg.grad(y, x, create_graph=True)
        mg.grad(y, x)
    made = [node for node in trace.document["nodes"] if node.get("sum")]
    assert [node["op"] for node in made] == ["add"]
    assert len(trace.document["passes"]) == 2


def test_passes_over_one_graph_are_told_apart():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with record() as trace:
        y = x.sum()
        for _ in range(3):
            y.backward(retain_graph=True)
    assert [p["start"][0]["node"] for p in trace.document["passes"]] == [1, 1, 1]
    assert [step["pass"] for step in trace.document["backward"]] == [1, 2, 3]
    assert x.grad.tolist() == [3, 3]


def test_a_pass_within_a_hook_is_a_pass_of_its_own():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with record() as trace:
        h = x * 3
        h.register_hook(lambda g: mg.enable_grad(lambda: mg.grad((x * x).sum(), x)[0])() * g)
        h.sum().backward()
    check(trace)
    assert len(trace.document["passes"]) == 2
    np.testing.assert_allclose(x.grad.data, 3 * 2 * x.data)
    hooked = [node for node in trace.document["nodes"] if node.get("hooks")]
    assert [node["name"] for node in hooked] == ["h"]
    assert [s["node"] for s in trace.document["backward"] if "cotangent" in s].count(hooked[0]["id"]) == 1


def test_a_second_record_within_the_first_sees_the_same():
    with record() as outer, record() as inner:
        reuse().backward()
    assert outer.document == inner.document


def test_constants_are_nodes_and_numbers_are_inline():
    x, data = mg.tensor([1.0, 2.0], requires_grad=True), mg.tensor([3.0, 4.0])
    with record() as trace:
        scaled = data * 2
        y = (x * scaled + 1).sum()
        y.backward()
    nodes = {node["name"]: node for node in trace.document["nodes"] if node["name"]}
    assert {name: node["kind"] for name, node in nodes.items()} == {"x": "leaf", "data": "const", "scaled": "op", "y": "op"}
    assert {"constant": 2} in nodes["scaled"]["inputs"]
    assert not nodes["data"]["grads"]
    assert not nodes["scaled"]["grads"]


def test_what_was_computed_before_is_a_leaf_of_the_trace():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    before = x.exp()
    with record() as trace:
        y = (before * 2).sum()
        y.backward()
    first = trace.document["nodes"][0]
    assert (first["name"], first["kind"]) == ("before", "leaf")
    assert check(trace)
    np.testing.assert_allclose(x.grad.data, 2 * np.exp(x.data), rtol=1e-6)


def test_only_what_leads_to_a_backward_pass_is_kept_and_without_one_everything():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with record() as trace:
        x.exp()
        assert len(trace.document["nodes"]) == 2
        x.sum().backward()
    assert [node["op"] for node in trace.document["nodes"]] == [None, "sum"]


def test_large_arrays_are_sampled_at_the_same_places_and_full_keeps_all():
    x = mg.tensor(np.random.default_rng(0).standard_normal((5, 30, 40)), requires_grad=True)
    for full in (False, True):
        with record(full=full) as trace:
            y = (x * x).sum()
            y.backward()
        x.grad = None
        value = trace.document["nodes"][trace.find(x)["node"]]["values"][0]
        assert value["shape"] == [5, 30, 40]
        if full:
            np.testing.assert_array_equal(array(value), x.data.ravel())
            continue
        sample = value["sample"]
        np.testing.assert_array_equal(array(value), x.data.reshape(-1, 40)[sample["rows"]][:, sample["columns"]].ravel())
        stats = {"mean": x.data.mean(), "std": x.data.std(), "min": x.data.min(), "max": x.data.max(), "norm": np.linalg.norm(x.data)}
        for name, expected in stats.items():
            assert value["stats"][name] == pytest.approx(expected, rel=1e-9)
        check(trace)


def test_values_that_json_has_no_number_for():
    x = mg.tensor([1.0, 0.0, -1.0], requires_grad=True)
    with record() as trace, np.errstate(all="ignore"):
        mg.log(x).sum().backward()
    text = trace.to_json()
    assert json.loads(text)["nodes"][1]["values"][0]["data"] == [0, "-inf", "nan"]


@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (3, 0), (1, 1, 1, 1)])
def test_empty_and_single(shape):
    x = mg.ones(shape, requires_grad=True)
    with record(check=2) as trace:
        (x * 2).sum().backward()
    assert x.grad.shape == shape
    check(trace)
    str(trace), trace.draw(), trace.to_json()


def test_views_and_read_only_arrays():
    base = np.arange(24.0).reshape(4, 6)[::2, ::-1].T
    base.flags.writeable = False
    x = mg.Tensor(base, requires_grad=True)
    with record() as trace:
        (x * x).sum().backward()
    check(trace)
    np.testing.assert_array_equal(array(trace.document["nodes"][0]["values"][0]), base.ravel())


def test_what_is_saved_and_which_formula_asked_for_it():
    with record() as trace:
        reuse().backward()
    h, a, b = (next(node for node in trace.document["nodes"] if node["name"] == name) for name in "hab")
    assert [(s["name"], s["of"]["node"], s["bytes"], s["held"], s["for"]) for s in h["saved"]] == [
        ("b", 1, 24, True, ["a"]),
        ("a", 0, 48, True, ["b"]),
    ]
    assert a["saved"][0]["memory"] == b["saved"][0]["memory"]  # the output of tanh, saved by both
    assert trace.document["meta"]["saved_bytes"] == 96


def test_a_checkpointed_node_keeps_nothing():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with record() as trace:
        y = mg.checkpoint(lambda x: x.exp().tanh(), x).sum()
        y.backward()
    assert [(node["op"], node.get("recomputed", False), node["saved"]) for node in trace.document["nodes"][1:3]] == [
        ("exp", True, []),
        ("tanh", True, []),
    ]
    check(trace)


def test_a_graph_is_freed_as_without_a_record():
    x = mg.tensor(np.ones(1000), requires_grad=True)
    gc.disable()
    try:
        with record() as trace:
            y = x * 2
            kept = weakref.ref(y.data)
            y.sum().backward()
            del y
            assert kept() is None
    finally:
        gc.enable()
    assert len(trace.document["nodes"]) == 3


def test_the_document_is_deterministic_and_fits_its_schema():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((files("minigrad.explore") / "schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)

    def traces():
        for make in (reuse, lambda: cnn()[1], lambda: transformer()[1]):
            with record(check=2) as trace:
                make().backward()
            yield trace.to_json()
        x = mg.tensor([0.5, -1.0, 2.0], requires_grad=True)
        with record() as trace:
            (slope,) = mg.grad((x**3).sum(), x, create_graph=True)
            (slope * slope).sum().backward()
        yield trace.to_json()

    first, second = list(traces()), list(traces())
    assert first == second
    for text in first:
        validator.validate(json.loads(text))
        assert Trace.from_json(text).to_json() == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "this is no trace: it names no schema, and this minigrad reads minigrad-trace/1"),
        ("[1]", "this is no trace: it names no schema"),
        ('{"schema": "minigrad-trace/2"}', "this is a trace of version 'minigrad-trace/2', and this minigrad reads minigrad-trace/1"),
        ("<html>", "this is no trace: it is not JSON"),
    ],
)
def test_what_is_no_trace_of_this_version_is_refused(text, message):
    with pytest.raises(TraceError, match=message):
        Trace.from_json(text)


def test_record_says_what_is_wrong():
    with pytest.raises(ValueError, match="check=-1 is the number of elements"), record(check=-1):
        pass


def test_an_error_within_the_block_leaves_a_trace_of_what_was_done():
    x = mg.tensor([1.0], requires_grad=True)
    with pytest.raises(ValueError, match="broadcast"), record() as trace:
        (x * 2) + mg.ones((2, 3)) + mg.ones(7)
    assert [node["op"] for node in trace.document["nodes"] if node["op"]] == ["multiply", "add"]
    assert not mode.get().observers


@pytest.mark.slow
def test_recording_5000_ops_takes_less_than_3_s():
    start = process_time()
    with record() as trace:
        chain(5000).backward()
    text = trace.to_json()
    assert process_time() - start < 3, "recorded, and written as JSON"
    assert len(trace.document["nodes"]) > 5000
    assert len(text) < 6e6


@pytest.mark.parametrize("fused", [False, True])
def test_a_batch_norm_carries_the_lines_of_the_paper(fused):
    mg.manual_seed(0)
    x = mg.tensor(np.random.default_rng(0).standard_normal((6, 3, 4, 4)), requires_grad=True)
    weight, bias = mg.tensor([0.5, 2.0, 1.0], dtype="float64", requires_grad=True), mg.tensor(np.ones(3), requires_grad=True)
    op = mg.batch_norm_relu if fused else mg.batch_norm
    with record() as trace:
        y, mean, _ = op(x, weight, bias, axis=(0, 2, 3))
        ((y * y).sum() + mean.sum()).backward()
    found = next(node["six_lines"] for node in trace.document["nodes"] if node["op"] == op.name)
    names = [node["name"] for node in found["nodes"] if node["name"]]
    assert names == ["x", "mean", "centred", "var", "rstd", "xhat", "weight", "bias", *(["z"] if fused else []), "y"]
    assert all(difference < 1e-12 for difference in found["differences"].values())
    assert set(found["differences"]) == {"x", "weight", "bias"}
    assert {node["pass"] for node in found["nodes"]} == {0}
    assert {node["op"] for node in found["nodes"] if node["op"]} == set(found["ops"])
    each = x.data.nbytes
    assert found["saved_bytes"]["fused"] == (2 if fused else 1) * each + 2 * 3 * 8
    assert found["saved_bytes"]["composed"] > 2 * each
    line = next(node["source"]["code"] for node in found["nodes"] if node["name"] == "xhat")
    assert line == "centred * rstd"


def test_finite_differences_agree_with_the_gradient_and_show_a_wrong_formula():
    @mg.op
    def wrong(xp, x):
        """x**2, with half of its gradient."""
        return x * x

    wrong.vjp(x=lambda g, x: g * x)

    def checks(function):
        x = mg.tensor([[1.0, -2.0], [0.5, 3.0]], requires_grad=True)  # float32; the differences are taken in float64
        with record(check=3) as trace:
            h = function(x * 2)
            (h.exp() * x).sum().backward()
        return [one for node in trace.document["nodes"] for one in node.get("check", ())]

    right = checks(mg.sin)
    assert len(right) > 12
    for one in right:
        assert one["numeric"] == pytest.approx(one["analytic"], rel=1e-5, abs=1e-6)
    assert [one for one in checks(wrong) if one["numeric"] != pytest.approx(one["analytic"], rel=1e-3)]
