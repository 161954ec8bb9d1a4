"""Wrong gradients that were written before the rules were asked (`fresh.answers`): what is said of each, and nothing besides.

The one run that counts, on the rules as they were when the set was written: 24 of 56 named rightly (43 %), none falsely; of 7 a fact that
holds was said, of 25 nothing. Since then rules were added for kinds of mistakes that the set shows, so it is fresh no more: 43 of 56
(77 %), none falsely. The second set was never asked again: `fresh.second_said`.
"""

import pytest

import minigrad as mg
from tests.gradcheck.fresh import second_said
from tests.gradcheck.fresh.answers import ANSWERS
from tests.gradcheck.fresh.second_set import ANSWERS as SECOND

#: named rightly in the one run that counts, before any rule was changed
NAMED_AT_FIRST = {
    "mean_as_sum": ["factor", "constant_added"],
    "sum_scaled": ["factor"],
    "sqrt_no_half": ["factor"],
    "cube_power": ["factor_missing"],
    "reciprocal_sign": ["sign"],
    "relu_of_g": ["not_linear"],
    "abs_identity": ["cotangent_itself"],
    "div_numerator": ["factor_missing"],
    "div_square": ["factor_too_many"],
    "sub_sign": ["sign", "cotangent_itself"],
    "bias_mean": ["factor"],
    "matmul_untransposed": ["common_mistake", "common_mistake"],
    "linear_half": ["factor"],
    "mse_no_two": ["factor"],
    "mse_no_mean": ["factor"],
    "cross_entropy_no_batch": ["factor"],
    "cross_entropy_sign": ["sign"],
    "softmax_diagonal": ["common_mistake"],
    "softmax_no_y": ["common_mistake"],
    "softmax_sum_g": ["common_mistake"],
    "batch_norm_constant_statistics": ["common_mistake"],
    "layer_norm_over_batch": ["common_mistake"],
    "take_overwrites": ["common_mistake"],
    "flip_not": ["cotangent_itself", "reversed"],
}

#: named rightly since the rules were extended with these kinds in view
NAMED_SINCE = {
    "mean_by_rows": ["factor"],
    "sum_first_row": ["lost"],
    "variance_unbiased": ["factor"],
    "max_everywhere": ["beyond"],
    "cumsum_forward": ["not_transposed"],
    "sigmoid_of_x": ["form"],
    "sigmoid_no_complement": ["form"],
    "tanh_no_square": ["form"],
    "tanh_of_x": ["form"],
    "log_of_log": ["form"],
    "relu_inverted": ["mask_inverted"],
    "leaky_zero": ["lost"],
    "mul_swapped": ["swapped", "swapped"],
    "transpose_reshape": ["places"],
    "concat_swapped": ["swapped", "swapped"],
    "roll_same_way": ["not_transposed"],
    "bias_first": ["part_of_sum"],
    "matmul_swapped": ["common_mistake", "common_mistake"],
    "conv_not_flipped": ["not_flipped"],
}

#: not named: nothing is said, or a fact that holds and is not the mistake (a factor, a constant, which elements)
NOT_NAMED = {
    "norm_squared": ["factor"],
    "norm_not_divided": ["factor"],
    "variance_centre": ["constant_added"],
    "std_chain": ["factor"],
    "max_of_wrong_axis": ["few_elements"],
    "logsumexp_no_softmax": [],
    "exp_power_rule": [],
    "silu_one_term": [],
    "cross_entropy_softmax": [],
    "batch_norm_no_eps": [],
    "rms_norm_no_projection": [],
    "conv_gradient_short": [],
    "detached": [],
}

EXPECTED = NAMED_AT_FIRST | NAMED_SINCE | NOT_NAMED


def test_every_answer_was_judged():
    assert [answer.name for answer in ANSWERS] == sorted(EXPECTED, key=[answer.name for answer in ANSWERS].index)
    assert (len(NAMED_AT_FIRST), len(NAMED_SINCE), len(NOT_NAMED)) == (24, 19, 13)
    assert sorted(answer.name for answer in SECOND) == sorted(second_said.SAID)
    assert (len(second_said.NAMED), len(second_said.A_FACT), len(second_said.NOTHING)) == (55, 8, 43)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(answer, said[answer.name], id=f"{name}-{answer.name}")
        for name, answers, said in (("first", ANSWERS, EXPECTED), ("second", SECOND, second_said.SAID))
        for answer in answers
    ],
)
def test_it_is_rejected_and_this_is_said(answer, said):
    result = mg.gradcheck(answer.f, answer.inputs, vjp=answer.vjp)
    assert result.verdict == "fail"
    assert [cause.id for cause in result.causes] == said
