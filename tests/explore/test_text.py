"""A trace as text: the program, why a gradient is what it is, and the ledger of what is saved."""

from __future__ import annotations

import re

import numpy as np
import pytest
from support.traces import chain, cnn

import minigrad as mg
from minigrad import nn
from minigrad.explore import TraceError


@pytest.fixture
def lesson():
    """A value that is used twice, a weight that is broadcast and used twice; x, w, h, the loss, and the trace."""
    x = mg.tensor([[1.0, -2.0, 3.0], [0.5, 0.1, -1.0]], dtype="float64", requires_grad=True)
    w = mg.tensor([0.3, -0.2, 0.9], dtype="float64", requires_grad=True)
    with mg.record(title="lesson") as trace:
        h = x * w
        a = mg.tanh(h)
        b = h * a
        loss = (b + w).sum()
        loss.backward()
    return x, w, h, loss, trace


def squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in str(text).splitlines()]


def test_the_program_and_its_backward_pass_beside_it(lesson):
    lines = squeezed(lesson[-1])
    assert lines[0] == "lesson: loss = 5.582, 5 ops, one backward pass"
    assert "w (3,) [0.3, -0.2, 0.9] d w = [2.714, 0.5516, 6.273]" in lines
    start = next(k for k, line in enumerate(lines) if line.startswith("h = multiply(x, w) (2, 3)"))
    assert re.search(r"test_text.py:\d+ d x \+= g \* b : norm 1.419$", lines[start])
    assert lines[start + 1] == "d w += g * a : [0.7136, -1.448, 4.273]"
    assert any(line.startswith("loss = sum(add#5) () 5.582") for line in lines)


def test_a_long_program_is_cut_in_the_middle():
    with mg.record() as trace:
        chain(1000).backward()
    lines = str(trace).splitlines()
    assert len(lines) < 220
    assert sum("lines left out" in line for line in lines) == 1
    assert max(map(len, lines)) < 260


def test_why_lists_contributions_that_add_up(lesson):
    x, w, h, _, _ = lesson
    for tensor in (w, h):
        why = mg.why(tensor)
        total = sum(np.array(part.value["data"]) for part in why.contributions)
        expected = w.grad.data if tensor is w else np.array(why.totals[1]["data"])
        np.testing.assert_allclose(total, expected.ravel(), rtol=1e-14)
    lines = squeezed(mg.why(w))
    assert lines[0] == "w.grad = [2.714, 0.5516, 6.273]: the sum of 2 contributions, shape (3,)"
    assert "2. h, as its b" in lines[7]
    assert lines[7].endswith("x * w")
    assert lines[8] == "g * a, with g = d h"
    assert lines[9] == "[0.7136, -1.448, 4.273] (59.4 %)"
    assert lines[10] == "and on: 2 ways (a, b)"
    shares = [float(line.split("(")[1].rstrip(" %)")) for line in lines if line.endswith("%)")]
    assert sum(shares) == pytest.approx(100)
    one = mg.why(w, at=1)
    assert sum(part.amount for part in one.contributions) == pytest.approx(w.grad.data[1], rel=1e-14)
    assert mg.why(x, at=(-1, 0)).contributions[0].amount == pytest.approx(x.grad.data[1, 0], rel=1e-14)


def test_why_after_several_passes_has_a_section_for_each():
    x = mg.tensor([2.0, 3.0], requires_grad=True, name="x")
    with mg.record():
        y = (x * x).sum()
        y.backward(retain_graph=True)
        y.backward()
    assert str(mg.why(x)).count("the sum of 2 contributions") == 2


def test_why_may_be_asked_without_a_name_for_the_record():
    x = mg.tensor([2.0], requires_grad=True)
    with mg.record():
        (x * x).sum().backward()
    assert len(mg.why(x).contributions) == 2


def test_why_says_what_is_missing():
    x = mg.tensor(np.ones((30, 40)), requires_grad=True)
    with pytest.raises(TraceError, match=r"not recorded: run the forward and the backward pass within `with mg.record\(\):`"):
        mg.why(x)
    with mg.record():
        y = (x * 2).sum()
    with pytest.raises(TraceError, match="run backward within the block, too"):
        mg.why(x)
    with mg.record():
        y = (x * 2).sum()
        y.backward()
    with pytest.raises(TraceError, match=r"element \[1, 1\] was not kept, .*record with full=True"):
        mg.why(x, at=(1, 1))
    for at in ((1,), (30, 0), 2, ("a", 0)):
        with pytest.raises(ValueError, match=r"is no index of an element of a tensor of shape \(30, 40\)"):
            mg.why(x, at=at)
    with pytest.raises(TypeError, match="this is a ndarray"):
        mg.why(x.data)


def test_the_ledger_counts_each_memory_once(lesson):
    ledger = mg.saved(lesson[3])
    assert ledger.bytes == 96
    assert ledger.by_op() == {"tanh": 48, "multiply": 48}
    rows = {(row.node, row.what): (row.bytes, row.note, row.wanted_by) for row in ledger.rows}
    assert rows["h", "a = x"] == (0, "held anyway", ("b",))
    assert rows["b", "b = a"] == (0, "with a", ("a",))
    assert "saved for the backward pass: 96 B" in str(ledger)


def test_the_ledger_of_a_network_names_modules():
    with mg.record():
        _, loss = cnn()
    by_module = mg.saved(loss).by_module()
    assert by_module["model.1"] == 2 * 8 * 4 * 36 * 4 + 2 * 4 * 4  # x and y of the fused batch norm, its mean and variance
    assert sum(by_module.values()) == mg.saved(loss).bytes


def test_the_ledger_without_a_record_and_when_it_is_too_late():
    x = mg.tensor(np.ones((10, 10)), requires_grad=True)
    y = (x.exp() * x).sum()
    recorded_less = mg.saved(y)
    assert recorded_less.bytes == 800  # exp's output, also an input of the product; x is held anyway
    y.backward()
    with pytest.raises(TraceError, match="freed by backward: ask before it"):
        mg.saved(y)
    with pytest.raises(TraceError, match="no graph leads to it"):
        mg.saved(x.detach())
    with pytest.raises(TypeError, match="this is a Linear"):
        mg.saved(nn.Linear(2, 2))


def test_under_checkpointing_the_ledger_is_empty():
    x = mg.tensor(np.ones(10), requires_grad=True)
    with mg.record():
        y = mg.checkpoint(lambda x: x.exp().tanh(), x).sum()
    ledger = mg.saved(y)
    assert ledger.bytes == 0
    assert "2 nodes under checkpointing keep nothing" in str(ledger)


def test_why_answers_while_the_recording_goes_on():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.record() as trace:
        (x * x).sum().backward()
        within = str(mg.why(x))
        x.grad = None
        (3 * x).sum().backward()
        assert "in backward pass 2 of 2: the sum of 1 contribution" in str(mg.why(x))
    assert within.startswith("x.grad = [2, 4]: the sum of 2 contributions")
    assert trace.document["nodes"][0]["grads"][0]["value"]["data"] == [2.0, 4.0]


def test_a_hook_sees_the_pass_that_goes_on_and_the_trace_is_whole_afterwards():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.record() as trace:
        h = x * x
        h.register_hook(lambda g: str(trace) and None)
        h.sum().backward()
    assert str(mg.why(x)).startswith("x.grad = [2, 4]: the sum of 2 contributions")
