"""What a trace calls its values: by their names, as parameters, by the variables that the source assigns them to."""

from __future__ import annotations

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F


def names(trace) -> list[str | None]:
    return [node["name"] for node in trace.document["nodes"]]


def test_parameters_are_called_as_in_the_state_dict():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    assert (model[0].weight.name, model[1].bias.name) == ("weight", "bias")
    with mg.record() as trace:
        model(mg.ones((4, 2))).sum().backward()
    assert {"0.weight", "0.bias", "1.weight", "1.bias"} <= set(names(trace))
    assert {node["module"] for node in trace.document["nodes"] if node["op"]} == {"model.0", "model.1", None}
    assert trace.document["modules"]["model.0"].startswith("Linear(")


def test_parameters_of_two_models_are_told_apart():
    first, second = nn.Linear(2, 2, bias=False), nn.Sequential(nn.Linear(2, 2))
    with mg.record() as trace:
        second(first(mg.ones((1, 2)))).sum().backward()
    found = [name for name in names(trace) if name and ("weight" in name or "bias" in name)]
    assert found == ["first.weight", "second.0.weight", "second.0.bias"]


def test_variables_name_what_they_are_assigned():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.record() as trace:
        h = x * 2
        a, b = h + 1, h - 1
        y: mg.Tensor = a * b
        if (s := y.sum()).item() > 0:
            s += mg.mean(h)
        s.backward()
    found = {node["source"]["code"]: node["name"] for node in trace.document["nodes"] if node["source"]}
    assert found == {"x * 2": "h", "h + 1": "a", "h - 1": "b", "a * b": "y", "y.sum()": "s", "mg.mean(h)": None, "s += mg.mean(h)": "s"}


def test_a_variable_in_a_loop_names_each_turn_and_a_call_only_its_result():
    x = mg.tensor([0.5], requires_grad=True)
    with mg.record() as trace:
        h = x
        for _ in range(3):
            h = F.gelu(h * 2)
        loss = F.mse_loss(h, mg.ones(1))
        loss.backward()
    assert names(trace).count("h") == 3
    assert names(trace).count("loss") == 1
    assert trace.document["nodes"][-1]["name"] == "loss"


def test_several_results_name_the_node_by_the_first():
    x = mg.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    with mg.record() as trace:
        y, _mean, _var = mg.batch_norm(x, axis=0)
        y.sum().backward()
    assert "y" in names(trace)


def test_a_call_over_several_lines_is_one_place():
    x = mg.tensor([1.0], requires_grad=True)
    with mg.record() as trace:
        y = mg.add(
            x,
            x,
        )
        y.backward()
    (source,) = [node["source"] for node in trace.document["nodes"] if node["source"]]
    assert source["end_line"] - source["line"] == 3
    assert source["code"].startswith("mg.add(\n")
    assert "y" in names(trace)
