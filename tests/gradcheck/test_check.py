"""`gradcheck`: verdicts, kinks, contracts, modules, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core.tensor import wrap
from minigrad.gradcheck import gradcheck
from minigrad.gradcheck.numerics.arguments import BadUse, overlaps_itself


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def verdicts(result: Any, check: str) -> set[str]:
    return {row.verdict for row in result.rows if row.check == check}


# ----------------------------------------------------------------------------------------------------------- verdicts


def test_the_module_is_the_function() -> None:
    assert mg.gradcheck(mg.exp, [rng().standard_normal(3)]).ok


@pytest.mark.parametrize("method", ["auto", "differences", "complex"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_right_gradient_passes(method: str, order: int) -> None:
    if method == "complex" and order > 1:
        pytest.skip("cotangents are real, so the first-order map has no complex step")
    inputs = [rng().standard_normal((2, 3)), rng().standard_normal(3)]
    result = gradcheck(lambda a, b: mg.tanh(a) * mg.exp(b), inputs, method=method, order=order)
    assert result.ok, result
    assert result.digits >= 9
    assert {row.order for row in result.rows if row.check == "derivative"} == set(range(1, order + 1))


def test_complex_step_is_found_to_be_of_use_or_not() -> None:
    def methods(f: Any) -> set[str]:
        return {row.method for row in gradcheck(f, [rng().uniform(0.5, 2, 4)]).rows if row.check == "derivative"}

    assert methods(lambda x: mg.log(x) * x) == {"complex step"}
    assert methods(lambda x: abs(x) * x) == {"differences"}


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1.0, 1e3, 1e8])
def test_steps_are_scaled_to_the_input(scale: float) -> None:
    result = gradcheck(lambda x: mg.batch_norm(x, axis=0, eps=1e-12)[0], [scale * rng().standard_normal((5, 3))], method="differences")
    assert result.ok, result
    assert result.digits >= 8


def test_elements_of_very_different_size() -> None:
    assert gradcheck(mg.log, [np.array([1e-6, 1e-3, 1.0, 1e3])], method="differences").ok


def test_large_inputs_are_checked_along_directions() -> None:
    x = rng().standard_normal((60, 50))
    assert gradcheck(lambda x: mg.tanh(x) * x, [x]).ok
    wrong = gradcheck(lambda x: mg.tanh(x) * x * mg.Tensor(1 + 1e-6 * (np.arange(3000).reshape(60, 50) == 7)).detach() + 0 * x, [x])
    assert wrong.ok, "a factor is part of the function, and differentiated"
    spoiled = np.ones((60, 50))
    spoiled[3, 4] = 1.01

    @mg.op
    def slightly_wrong(xp: Any, x: Any) -> Any:
        return xp.tanh(x)

    slightly_wrong.vjp(x=lambda g, y: g * (1 - y * y) * spoiled)
    assert gradcheck(slightly_wrong, [x]).verdict == "fail"


def test_a_detached_value_fails_at_order_two_only() -> None:
    @mg.op
    def square(xp: Any, x: Any) -> Any:
        return x * x

    square.vjp(x=lambda g, x: g * 2 * (x.detach() if isinstance(x, mg.Tensor) else x))
    x = rng().standard_normal(4)
    assert gradcheck(square, [x], order=1).ok
    result = gradcheck(square, [x], order=2)
    assert result.verdict == "fail"
    assert {row.order for row in result.rows if row.verdict == "fail"} == {2}


def test_taylor_slope_needs_no_tolerance() -> None:
    x = rng().standard_normal((4, 3))
    (right,) = (row for row in gradcheck(lambda x: mg.exp(x) * x, [x]).rows if row.check == "Taylor slope")
    assert right.slope == pytest.approx(3, abs=0.2)
    (wrong,) = (row for row in gradcheck(lambda x: mg.exp(x) * x.detach(), [x]).rows if row.check == "Taylor slope")
    assert wrong.slope == pytest.approx(1, abs=0.1)
    assert wrong.verdict == "fail"


def test_what_cannot_be_told_is_not_passed() -> None:
    """Noise of 1e-7 in the function: a derivative cannot be known to eight digits from it."""
    table = rng().standard_normal(1 << 16) * 1e-7

    @mg.op
    def noisy(xp: Any, x: Any) -> Any:
        return x * x + table[(x.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(48)).astype(np.int64)]

    noisy.vjp(x=lambda g, x: g * 2 * x)
    result = gradcheck(noisy, [rng().standard_normal(4)])
    assert result.verdict == "cannot tell", result
    assert "badly conditioned" in str(result)
    assert not result.ok


def test_outside_the_domain_it_cannot_tell() -> None:
    with np.errstate(all="ignore"):
        result = gradcheck(mg.log, [np.array([-1.0, 2.0])])
    assert result.verdict == "cannot tell"
    assert "infinite or not a number" in str(result)


def test_vacuous_checks_are_said_to_be() -> None:
    x = rng().standard_normal((6, 3))
    summed = gradcheck(lambda x: mg.batch_norm(x, axis=0)[0].sum(), [x])
    assert any("vacuous: the true gradient" in note for note in summed.notes)
    assert not gradcheck(lambda x: mg.batch_norm(x, axis=0)[0], [x]).notes
    assert any("are equal" in note for note in gradcheck(lambda x: x * x, [np.ones(5)]).notes)


# -------------------------------------------------------------------------------------------------------------- kinks


def kinked(slope_at_zero: float) -> Any:
    @mg.op
    def hinge(xp: Any, x: Any) -> Any:
        return xp.maximum(x, 0)

    hinge.vjp(x=lambda g, x: g * (x > 0) + g * (x == 0) * slope_at_zero)
    return hinge


@pytest.mark.parametrize(("slope", "verdict"), [(0.0, "pass"), (0.3, "pass"), (1.0, "pass"), (1.1, "fail"), (-0.2, "fail")])
def test_at_a_kink_the_gradient_lies_between_the_slopes(slope: float, verdict: str) -> None:
    result = gradcheck(kinked(slope), [np.array([-1.0, 0.0, 2.0])])
    assert result.verdict == verdict, result
    assert "kink" in str(result)


def test_a_kink_nearby_is_stepped_around() -> None:
    result = gradcheck(mg.relu, [np.array([1e-5, -1e-5, 1.0])])
    assert result.ok, result
    assert not any(row.kinks for row in result.rows)


def test_kinks_can_be_left_or_refused() -> None:
    at = [np.array([-1.0, 0.0, 2.0])]
    nudged = gradcheck(mg.relu, at, kinks="nudge")
    assert nudged.ok
    assert not any(row.kinks for row in nudged.rows)
    assert any("moved" in note for note in nudged.notes)
    assert gradcheck(mg.relu, at, kinks="fail").verdict == "fail"


# ----------------------------------------------------------------------------------------------------------- contracts


def identity_with(formula: Any) -> Any:
    @mg.op
    def same(xp: Any, x: Any) -> Any:
        return x + 0

    same.vjp(x=formula)
    return same


def writes(g: Any) -> Any:
    r = g + 0
    if isinstance(g, np.ndarray) and g.flags.writeable:
        g *= 2
    return r


def stateful() -> Any:
    calls = []

    def formula(g: Any) -> Any:
        calls.append(1)
        return g * len(calls)

    return formula


@pytest.mark.parametrize(
    ("formula", "check"),
    [
        (writes, "pure backward"),
        (stateful(), "repeatable"),
        (lambda g: g + 1e-3, "zero cotangent"),
        (lambda g: g * abs(g), "linear"),
        (lambda g: np.frombuffer(np.ascontiguousarray(g.T).tobytes()).reshape(g.shape), "strided cotangent"),
    ],
)
def test_what_breaks_the_rules_of_a_backward_pass(formula: Any, check: str) -> None:
    result = gradcheck(identity_with(formula), [rng().standard_normal((3, 3))])
    assert result.verdict == "fail"
    if check != "strided cotangent":  # reading a transposed buffer is wrong for any cotangent
        assert verdicts(result, check) == {"fail"}, result
        assert result.diagnosis


def test_a_missing_cotangent_counts_as_zero() -> None:
    @mg.op(outputs=("a", "b"))
    def pair(xp: Any, x: Any) -> Any:
        return 2 * x, x * x

    pair.vjp(x=lambda g_a, x, g_b=None: 2 * g_a + (2 * x * g_b if g_b is not None else 1e-3 * g_a))
    result = gradcheck(pair, [rng().standard_normal(3)])
    assert verdicts(result, "missing cotangent") == {"fail"}, result


def test_a_gradient_of_the_wrong_shape_fails_with_a_sentence() -> None:
    result = gradcheck(identity_with(lambda g: g.sum(axis=0)), [rng().standard_normal((3, 2))])
    assert result.verdict == "fail"
    assert "the input has shape (3, 2)" in str(result)
    assert "has not the shape of its input" in str(result)


def test_a_function_that_changes_its_argument() -> None:
    @mg.op
    def doubles(xp: Any, x: Any) -> Any:
        x *= 2
        return x + 0

    doubles.vjp(x=lambda g: 2 * g)
    x = rng().standard_normal(3)
    before = x.copy()
    result = gradcheck(doubles, [x])
    assert result.verdict == "fail"
    assert "changed its argument x in place" in str(result)
    np.testing.assert_array_equal(x, before)


def test_a_function_that_is_random() -> None:
    result = gradcheck(lambda x: x * mg.Tensor(np.random.default_rng().standard_normal(3)), [rng().standard_normal(3)])
    assert result.verdict == "fail"
    assert "is random" in str(result)


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ([np.ones(3, np.float32)], "float32, which is too coarse"),
        ([np.arange(3)], "nothing to differentiate"),
        ([np.broadcast_to(np.array(2.0), (3,))], "share memory"),
        ([np.array([1.0, np.inf])], "infinite or not a number"),
        ([], "nothing to differentiate"),
    ],
)
def test_bad_inputs_are_refused_in_one_sentence(inputs: Any, sentence: str) -> None:
    with pytest.raises(BadUse, match=sentence):
        gradcheck(lambda *xs: xs[0] * 2, inputs)


def test_inputs_that_overlap_are_refused() -> None:
    x = rng().standard_normal(6)
    with pytest.raises(BadUse, match="overlap in memory"):
        gradcheck(lambda a, b: a * b, [x[:4], x[2:]])
    assert gradcheck(lambda a, b: a * b, [x, x]).ok, "the same array twice is checked as two"


def test_other_bad_uses() -> None:
    with pytest.raises(BadUse, match="order=0"):
        gradcheck(mg.exp, [np.ones(2)], order=0)
    with pytest.raises(BadUse, match="wrt names input 3"):
        gradcheck(mg.exp, [np.ones(2)], wrt=[3])
    with pytest.raises(TypeError, match="must return Tensors"):
        gradcheck(lambda x: "text", [np.ones(2)])


def test_upcast_is_said() -> None:
    result = gradcheck(mg.exp, [rng().standard_normal(3).astype(np.float32)], upcast=True)
    assert result.ok
    assert any("converted from float32" in note for note in result.notes)


def test_overlap_is_found_exactly() -> None:
    x = np.arange(12.0)
    strided = np.lib.stride_tricks.as_strided
    assert overlaps_itself(strided(x, (3, 4), (8, 8)))
    assert not overlaps_itself(strided(x, (3, 4), (32, 8)))
    assert not overlaps_itself(x.reshape(3, 4).T[::-1])
    assert not overlaps_itself(strided(x, (2, 2), (16, 24))), "interleaved, and apart"


def test_views_are_checked_as_they_are() -> None:
    x = rng().standard_normal((4, 6))
    for view in (x.T, x[::-1, ::2], np.asfortranarray(x)):
        assert gradcheck(lambda x: mg.tanh(x) * x, [view]).ok


def test_nothing_differentiable_comes_out() -> None:
    result = gradcheck(lambda x: x.detach() * 2, [rng().standard_normal(3)])
    assert result.verdict == "fail"
    assert any("zero, or missing" in line for line in result.diagnosis)
    with pytest.raises(BadUse, match="no floating-point Tensor"):
        gradcheck(lambda x: mg.argmax(x), [rng().standard_normal(3)])


def test_float32_is_judged_by_units_in_the_last_place() -> None:
    x = rng().standard_normal((4, 5))
    assert gradcheck(lambda x: mg.softmax(x, axis=1), [x], float32=True).ok

    @mg.op
    def coarse(xp: Any, x: Any) -> Any:
        return xp.exp(x)

    coarse.vjp(x=lambda g, y: (g * y).astype(np.float16).astype(g.dtype) if g.dtype == np.float32 else g * y)
    result = gradcheck(coarse, [x], float32=True)
    assert verdicts(result, "float32") == {"fail"}
    assert verdicts(result, "derivative") == {"pass"}


# ------------------------------------------------------------------------------------------------------------- modules


def network() -> Any:
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Dropout(0.5), nn.Linear(5, 2))


def state_of(module: Any) -> Any:
    tensors = [*module.named_parameters(), *module.named_buffers()]
    grads = {name: None if t.grad is None else t.grad.data.tobytes() for name, t in tensors}
    return (
        grads,
        {name: (id(t), id(t.data), t.data.dtype, t.data.tobytes(), t.node) for name, t in tensors},
        [(m.training, {k: v for k, v in m.__dict__.items() if isinstance(v, (int, float, bool, str))}) for m in module.modules()],
        mg.random.get_state(),
    )


def test_a_module_is_left_exactly_as_it_was() -> None:
    model = network()
    model(mg.Tensor(rng().standard_normal((6, 4)).astype(np.float32))).sum().backward()
    before = state_of(model)
    result = mg.gradcheck(model, rng().standard_normal((6, 4)), order=2)
    assert result.ok, result
    assert state_of(model) == before
    checked = {row.input for row in result.rows if row.check == "derivative" and row.order == 1}
    assert {"0.weight", "0.bias", "1.weight", "1.bias", "4.weight"} <= checked
    assert any("converted from float32 to float64" in note for note in result.notes)


def test_a_module_is_left_as_it_was_after_an_error() -> None:
    model = network()
    before = state_of(model)
    with pytest.raises(ValueError, match=r"matmul|linear|shape"):
        mg.gradcheck(model, rng().standard_normal((6, 3)))
    assert state_of(model) == before


def test_a_wrong_module_fails_in_its_parameter() -> None:
    class Scale(nn.Module):
        def __init__(self) -> None:
            self.factor = nn.Parameter(np.array([1.5, -2.0]))

        def forward(self, x: Any) -> Any:
            return x * wrap(self.factor.data, None)

    module = Scale()
    before = state_of(module)
    result = mg.gradcheck(module, rng().standard_normal((3, 2)))
    module.factor.copy_(np.array([4.0, 5.0]))
    later = state_of(module)
    assert "factor" in result.to_html()
    assert result.repro()
    assert state_of(module) == later, "asking a result changes nothing either"
    assert before != later
    assert {row.input for row in result.rows if row.verdict == "fail" and row.input} == {"factor"}
    assert any("your gradient for factor is zero, or missing" in line for line in result.diagnosis)


# ------------------------------------------------------------------------------------------------------------- results


def test_result_as_text_json_and_html() -> None:
    result = gradcheck(lambda x: mg.exp(x) * x.detach(), [rng().standard_normal((2, 3))], name="a wrong <product>")
    document = json.loads(result.to_json())
    assert document["version"] == 1
    assert document["summary"]["failed"] == 1
    (case,) = document["cases"]
    assert case["verdict"] == "fail"
    assert np.shape(next(c for c in case["checks"] if "numeric" in c)["numeric"]) == (2, 3)
    assert len(case["steps"]) > 5
    page = result.to_html()
    assert r"a wrong \u003cproduct>" in page.split('id="data">')[1]
    assert "&lt;product&gt;" in result._repr_html_()
    assert "<script" not in result._repr_html_()
    assert result._repr_html_().count("<table") == result._repr_html_().count("<div style='overflow-x:auto'><table>") == 2
    assert result.worst()[0].verdict == "fail"
    with pytest.raises(AssertionError, match="gradcheck of a wrong"):
        result.assert_ok()
