"""Equivalent mutants: changes of a formula that change no gradient, each with the reason why.

Some reasons are found by themselves. Where a name stands for an array of which only the shape and the dtype are used, any array of
that shape will do: it is put to the test by putting an object there that has nothing else. A value taken out of the graph
that changes no second derivative is one in which the formula is locally constant: the second derivative was computed with
and without. A branch of a shared function that a formula never takes is no part of it. Everything else stands in the
table below; a mutant that is in neither has survived.
"""

from __future__ import annotations

import ast
import re

from minigrad.gradcheck.mutants.changes import Mutant
from minigrad.gradcheck.mutants.runner import MutantRunner

NOTHING_TO_DIVIDE = "it is put in the place of a zero denominator, and the numerator is zero there: any number but zero will do"
NOT_CHOSEN = "it stands in where the other branch is chosen"
NEVER_NONE = "an input that is None has no gradient, so what is returned for it is dropped"
SHORTCUT = "it chooses between two ways to the same result"
ONLY_CHECKED = "it is used only to check arguments, or in the message of an error"
DECAYED = "beyond this bound what decays is zero in float64, and within it the bound does nothing"
ALIKE = "the two are equal wherever this decides anything: both infinite, or both zero"
FIRST_FACTOR = "it enters in front of the recurrence, whose first step multiplies it with nothing"

TAKEN_OUT = "whatever is subtracted from g here is put back times the third sum, and whatever from x that sum takes out again"
ROUNDED_AWAY = "s is zero but for the rounding of the mean, which float32 shows: see tests/distributed/test_sync_batch_normalization.py"

#: op, change (both as regular expressions that must match whole) -> reason
REASONS: list[tuple[str, str, str]] = [
    (r"batch_norm|batch_norm_relu", r"rest \* xhat -> g \* xhat",
     "one factor sums to zero, so a constant in the other drops out"),
    (r"whiten_zca", r"centred @ (.*) -> x @ \1", "the result is centred afterwards, which takes the mean out again"),
    (r"\w+", r"(\w+) @ \1 -> \1 @ \1", "the operands that were swapped are the same matrix"),
    (r"adaptive_avg_pool", r"-1 -> -2", "reshape takes any negative length for the one to be worked out"),
    (r"cholesky|eigh|svd|qr", r"-1 -> -2", "the matrix is square there"),
    (r"erfc?", r"(clip\(x, -30, 30\) -> clip\(x, -30, \d+\)|-30 -> -\d+)", DECAYED),
    (r"gelu", r"(clip\(x, -50, 50\) -> clip\(x, -50, \d+\)|-50 -> -\d+)", DECAYED),
    (r"gelu", r".*\b[zx]\b.* -> .*\b[zx]\b.*", "x and its clipped form z differ only where the terms they are in have decayed to zero"),
    (r"conv_transpose", r"per_axis\(output_padding, .*, 0\) -> .*", "output_padding always has a value, so this default is not used"),
    (r"conv_transpose", r"len\(kernel\) -> len\(\w+\)", "there is one for each spatial axis of all of them"),
    (r"cumulative_prod|linear_recurrence|logcumsumexp", r"fill=0 -> fill=-?1", FIRST_FACTOR),
    (r"ctc_alpha|cumulative_prod|logcumsumexp", r"-1 -> -[02]", "the direction is compared with 1 only: any other number means back"),
    (r"cumulative_prod|linear_recurrence", r"max\(n - 1, 0\) -> max\(n - 1, -1\)",
     "they differ for an axis of length 0, where there is nothing to take"),
    (r"cumulative_prod", r"(by == 1 -> fill == 1|.*\bfill\b.* -> .*\bby\b.*)",
     "this op calls it with by and fill equal, or with a fill of no effect"),
    (r"eigh|svd", r"inner \+ (.*) -> (outside \+ )?\1", "the sum starts at zero, and this is its first term"),
    (r"svd", r"outside \+ (.*) -> \1", "the sum starts at zero, and this is its first term"),
    (r"svd", r"outside \+ \(?.*", "the sum starts at zero, and this is its first term"),
    (r"svd", r"g_(u|vh) is not None -> \w+ is not None", "it only decides whether the gaps are worked out, which is never wrong"),
    (r"svd", r"_inverse_gaps\(.*else 0 -> .*else -?1", "without those cotangents there is nothing to multiply it with"),
    (r"svd", r"(1 / \(gaps \+ eye\) - eye -> .*|gaps \+ eye -> gaps - eye)",
     "it is multiplied with an antisymmetric matrix, whose diagonal is zero"),
    (r"copysign", r"a == 0 -> y == 0", "one has the size of the other"),
    (r"elu", r"x > 0 -> y > 0", "x and y have the same sign"),
    (r"elu", r"(where\(x > 0, 0, x\) -> where\(x > 0, -?1, x\)|x > 0 -> x > 1)", NOT_CHOSEN),
    (r"sinc", r"(where\(near, 1, x\)|where\(near, x, 0\)) -> where\(near, .*\)", NOT_CHOSEN),
    (r"sinc", r"(.*)\b(inside|outside)\b(.*) -> \1x\3", NOT_CHOSEN),
    (r"sinc", r"abs\(x\) < 0.5 -> abs\(x\) < .*", "on both sides of this bound both forms hold"),
    (r"sinc", r"0 \* t -> .*", "a zero to begin with, of whatever shape"),
    (r"logcumsumexp", r"shifted\(y, (.*)\) -> shifted\(level, \1\)", "they differ where the result is -inf, and its share of x is 0"),
    (r"logcumsumexp", r"-math.inf -> math.inf", "what comes in first is taken out by the shift back"),
    (r"gru|linear|lstm|rnn", r"\w+ is None -> \w+ is None", NEVER_NONE),
    (r"hypot", r"b == 0 -> b == -1", "the result, which is divided by, is never negative"),
    (r"hypot", r"b != 0 -> a != 0", "where only what is divided is 0, so is the quotient; where the result is 0, both are"),
    (r"instance_norm", r"normalized_axes\(name, .*", ONLY_CHECKED),
    (r"logaddexp", r"(_share\(.*|abs\(y\) -> abs\([ab]\)|a == b -> .*)", ALIKE),
    (r"ctc_alpha|logcumsumexp", r"where\((y|level) == -math.inf, 0, \1\) -> where\(.*, -?1, \1\)",
     "e**-inf is zero, whatever finite number is subtracted first"),
    (r"logsumexp", r"restore\(g, x.shape, axis, keepdims\).* -> .*|x.shape -> \w+.shape",
     "where there is no element, nothing of any kind will do"),
    (r"logsumexp", r"m == -math.inf -> x == -math.inf", "beside larger elements the share of -inf is 0 already"),
    (r"matmul", r"(\w+\.ndim > 2|len\(\w+\) == 2) -> .*", SHORTCUT),
    (r"matmul", r"-1 -> -2", "reshape takes any negative length for the one to be worked out"),
    (r"max|min|vector_norm", r"(where\(hits == 0, 1, hits\) -> where\(hits == 0, [02], hits\)|hits == 0 -> (hit == 0|hits == -?1))",
     NOT_CHOSEN),
    (r"vector_norm", r"(where\(hits == 0, 1, hits\)|hits == 0) -> .*",
     "there are none where x is not a number, and the sign it is multiplied with is neither"),
    (r"mean_cross_entropy", r"(where\(counted, labels, 0\)|where\(counted, g / .*|maximum\(counted.*|expand_dims\(counted, -1\)) -> .*",
     "the gradient of what is not counted is set to 0 in the end"),
    (r"pad", r"g -> middle", "after the last axis both are the same"),
    (r"pad", r"before or after -> (before or end|end or after)", "it only decides whether edges are added, and there may be none to add"),
    (r"\w+", r"_check_\w+\(.*", ONLY_CHECKED),
    (r"sync_batch_norm(_relu)?",
     r"(g_bias / max\(|max\(count\(x, axes\), 1\)|x - per_channel\(mean|\(?g - per_channel\(own|own ).* -> .*", TAKEN_OUT),
    (r"sync_batch_norm_relu", r".*, weight, mean, var, m, .* -> .*, weight, \w+, var, m, .*", TAKEN_OUT),
    (r"sync_batch_norm(_relu)?",
     r"(product - g_bias \* rest|g_bias \* rest|centred - rest|h_centred - h \* rest|h \* rest).* -> .*", ROUNDED_AWAY),
    (r"pad", r"axis is None -> arrays is None", "it is called with an axis"),
    (r"qr", r"-2 -> -1", "where it matters, x is wide and q is square"),
    (r"pow", r"where\(\(a == 0\) & \(b == 0\), 1, b\) -> .*", "the factor b is zero there"),
    (r"pow", r"a == 0 -> b == 0", "the factor b is zero there"),
    (r"pow", r"g \* 0 -> a \* 0", "both are zeros of one shape"),
    (r"pow", r"where\(False, g, 0\) -> .*", "it is never chosen: only its shape and its dtype count"),
    (r"pow", r"isinstance\(b, \(int, float\)\) -> .*", "the general formula gives the same for a number"),
    (r"pow", r"y == 0 -> y == -1", "y is zero where a is, but for underflow; y is -1 only where a is negative, and log(a) not real"),
    (r"pow", r"y == 0 -> y == 1",
     "y is zero where a is, but for underflow; 1 is put for a where a**b is 1, that is where a is 1 or b is 0"),
    (r"std", r"where\(y == 0, 1, y\) -> where\(y == 0, 2, y\)", NOTHING_TO_DIVIDE),
    (r"tensordot", r"\(over_\w, ndim_\w, '\w'\) -> .*", ONLY_CHECKED),
    (r"transfer", r"(source|target)=\w+ -> .*", "on a machine without a second device both are the same"),
    (r"vector_norm", r"(ord == [12]|ord > 2) -> .*", SHORTCUT),
    (r"vector_norm", r"(where\(y == 0, 1, y\) -> where\(y == 0, 2, y\)|y == 0 -> x == 0)", NOTHING_TO_DIVIDE),
    (r"vector_norm", r"restore\(.*, axis, keepdims\) -> .*", "here it is called with the axes kept: there is nothing to restore"),
    (r"xlogy", r"where\(\(a == 0\) & \(b <= 0\), 1, b\) -> .*", NOTHING_TO_DIVIDE),
    (r"xlogy", r"(b <= 0 -> (b <= 1|a <= 0)|a == 0 -> b == 0)",
     "where a = 0 so is the numerator; where b = 0 and a is not, the function is infinite"),
]  # fmt: skip


def reason_for(runner: MutantRunner, index: int, mutant: Mutant) -> str:
    """Return why a mutant that changes nothing had to; empty if no reason is known."""
    for op, change, reason in REASONS:
        if re.fullmatch(op, runner.name) and re.fullmatch(change, mutant.change):
            return reason
    if mutant.check == "second order":
        return "the formula is locally constant in it, so its second derivative does not pass there"
    if mutant.shared and not runner.reached(index, mutant):
        return "a branch of a shared function that this formula does not take"
    if isinstance(mutant.old, ast.Name) and mutant.place and runner.same(index, mutant.shape_only()):
        return "only the shape of the array is used here, and the other has the same"
    return ""
