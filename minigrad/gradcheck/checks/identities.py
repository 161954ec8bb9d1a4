"""Identities: what must hold exactly (but for rounding) of values and gradients, with no numerical derivative involved.

An identity is declared for ops by name; it gets the `Case` of one sample and returns pairs of arrays that must be equal, or None where
it does not apply to the sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from minigrad.core.op import Op
from minigrad.gradcheck.numerics.linearization import cotangent
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.numerics.row import FAIL, PASS, Row
from minigrad.gradcheck.samples import Sample
from minigrad.gradcheck.samples.problems import problem_of

TOLERANCE = 1e-10  #: relative to the larger side; rounding only, but sums cancel
Vector = np.ndarray[Any, Any]
Pair = tuple[Any, Any]


@dataclass
class Case:
    """One sample of an op: its values and its gradients for one random cotangent of the first output."""

    op: Op
    sample: Sample

    @cached_property
    def problem(self) -> Problem:
        return problem_of(self.op, self.sample)

    @property
    def args(self) -> list[Any]:
        return list(self.sample.args)

    @property
    def params(self) -> dict[str, Any]:
        return self.sample.params

    def __call__(self, *args: Any, **params: Any) -> Any:
        """Apply the op to arrays; with the arguments of the sample where none are given."""
        out = self.op(*(args or self.args), **{**self.params, **params})
        return out[0] if isinstance(out, tuple) else out

    @cached_property
    def y(self) -> Vector:
        return np.asarray(self())

    @cached_property
    def v(self) -> Vector:
        return cotangent(np.random.default_rng(3), self.y.shape)

    @cached_property
    def gradients(self) -> dict[int, Vector]:
        """Gradients by position of the input, for the cotangent v."""
        outputs, pull = self.problem.pullback(self.problem.inputs)
        found = pull([self.v, *[None] * (len(outputs) - 1)])
        pairs = zip(self.problem.wrt, self.problem.inputs, found, strict=True)
        return {i: np.zeros(x.shape) if g is None else g.data for i, x, g in pairs}


Identity = Callable[[Case], Iterable[Pair] | None]
IDENTITIES: dict[str, list[tuple[str, Identity]]] = {}  #: by name of the op: sentence and identity


def identity(sentence: str, *names: str) -> Callable[[Identity], Identity]:
    """Declare an identity of one or several ops."""

    def declare(function: Identity) -> Identity:
        for name in names:
            IDENTITIES.setdefault(name, []).append((sentence, function))
        return function

    return declare


def identity_rows(name: str, op: Op, sample: Sample) -> list[Row]:
    """Check the identities of an op on a sample."""
    rows = []
    for sentence, check in IDENTITIES.get(name, []):
        case = Case(op, sample)
        if any(isinstance(a, np.ndarray) and not a.size for a in sample.args):
            continue
        pairs = check(case)
        if pairs is None:
            continue
        error = max((_gap(np.asarray(a), np.asarray(b)) for a, b in pairs), default=0.0)
        rows.append(Row("identity", 1, "", case.y.shape, PASS if error <= TOLERANCE else FAIL, error, message=sentence))
    return rows


def _gap(a: Vector, b: Vector) -> float:
    scale = max(float(np.abs(a).max(initial=0.0)), float(np.abs(b).max(initial=0.0)), 1.0)
    return float(np.abs(a - b).max(initial=0.0)) / scale if a.shape == b.shape else np.inf


# ------------------------------------------------------------------------------------------------------- normalization


def _axes(case: Case) -> tuple[int, ...]:
    axis = case.params["axis"] if "axis" in case.params else case.op.params["axis"]
    ndim = case.args[0].ndim
    return tuple(a % ndim for a in (axis if isinstance(axis, (tuple, list)) else (axis,)))


@identity("the gradient of x sums to zero over the batch", "batch_norm", "layer_norm")
def _(case: Case) -> list[Pair]:
    total = case.gradients[0].sum(axis=_axes(case))
    return [(total, np.zeros_like(total))]


@identity("adding a constant to x changes nothing", "batch_norm", "layer_norm", "softmax", "log_softmax")
def _(case: Case) -> list[Pair]:
    x, *rest = case.args
    return [(case(x + 0.75, *rest), case.y)]


@identity("scaling x by 2 and eps by 4 changes nothing", "batch_norm", "layer_norm", "rms_norm")
def _(case: Case) -> list[Pair]:
    x, *rest = case.args
    eps = case.params.get("eps", case.op.params["eps"])
    return [(case(2 * x, *rest, eps=4 * eps), case.y)]


@identity("permuting the batch permutes the result and the gradient of x", "batch_norm")
def _(case: Case) -> list[Pair] | None:
    axes, x = _axes(case), case.args[0]
    order = np.random.default_rng(1).permutation(x.shape[axes[0]])
    permuted = Case(case.op, Sample(np.take(x, order, axes[0]), *case.args[1:], **case.params))
    permuted.v = np.take(case.v, order, axes[0])
    return [(permuted.y, np.take(case.y, order, axes[0])), (permuted.gradients[0], np.take(case.gradients[0], order, axes[0]))]


@identity("the gradient of the bias is the sum of the cotangent", "batch_norm", "layer_norm")
def _(case: Case) -> list[Pair] | None:
    if 2 not in case.gradients:
        return None
    over = _axes(case)
    if case.op.name == "layer_norm":
        over = tuple(i for i in range(case.y.ndim) if i not in over)
    return [(case.gradients[2], case.v.sum(axis=over))]


# ------------------------------------------------------------------------------------------------------ classification


@identity("rows sum to one, and their gradients to zero", "softmax")
def _(case: Case) -> list[Pair]:
    axis = _axes(case)
    total = case.gradients[0].sum(axis=axis)
    return [(case.y.sum(axis=axis), np.ones(total.shape)), (total, np.zeros(total.shape))]


@identity("the exponentials of a row sum to one, and its gradients to zero", "log_softmax")
def _(case: Case) -> list[Pair]:
    axis = _axes(case)
    total = case.gradients[0].sum(axis=axis)
    return [(np.exp(case.y).sum(axis=axis), np.ones(total.shape)), (total, np.zeros(total.shape))]


@identity("the gradients of the logits of a sample sum to zero", "softmax_cross_entropy", "mean_cross_entropy")
def _(case: Case) -> list[Pair]:
    total = case.gradients[0].sum(axis=-1)
    return [(total, np.zeros(total.shape))]


# -------------------------------------------------------------------------------------------------------- elementwise


@identity("the order of the operands does not matter", "add", "multiply", "maximum", "minimum", "hypot", "logaddexp")
def _(case: Case) -> list[Pair]:
    a, b = case.args
    return [(case(b, a), case.y)]


@identity("odd: f(-x) = -f(x), and the gradient is even", "tanh", "sin", "sinh", "tan", "erf")
def _(case: Case) -> list[Pair]:
    mirrored = _mirrored(case)
    return [(mirrored.y, -case.y), (mirrored.gradients[0], case.gradients[0])]


def _mirrored(case: Case) -> Case:
    """Return the case at -x with the same cotangent."""
    mirrored = Case(case.op, Sample(np.asarray(-case.args[0]), **case.params))
    mirrored.v = case.v
    return mirrored


@identity("even: f(-x) = f(x), and the gradient is odd", "cos", "cosh", "abs", "square")
def _(case: Case) -> list[Pair]:
    mirrored = _mirrored(case)
    return [(mirrored.y, case.y), (mirrored.gradients[0], -case.gradients[0])]


@identity("f(-x) = 1 - f(x), and the gradient is even", "sigmoid")
def _(case: Case) -> list[Pair]:
    mirrored = _mirrored(case)
    return [(mirrored.y, 1 - case.y), (mirrored.gradients[0], case.gradients[0])]


# -------------------------------------------------------------------------------------------------------------- linear

#: op -> inputs in which it is linear, or affine
LINEAR: dict[str, Sequence[int]] = {
    **dict.fromkeys(
        (
            "add", "subtract", "linear", "matmul", "multiply", "outer", "kron", "vecdot", "tensordot", "cross", "convolution",
            "conv_transpose",
        ),
        (0, 1),
    ),
    **dict.fromkeys(
        (
            "negative", "sum", "mean", "cumulative_sum", "reshape", "permute_dims", "swapaxes", "moveaxis", "flip", "roll", "squeeze",
            "expand_dims", "broadcast_to", "tile", "repeat", "pad", "getitem", "take", "take_along_axis", "tril", "triu", "diagonal",
            "diag_embed", "avg_pool", "adaptive_avg_pool", "unfold", "fold", "dropout", "divide", "moving_sum", "embedding",
        ),
        (0,),
    ),
}  # fmt: skip


def _adjoint(case: Case, positions: Sequence[int]) -> list[Pair]:
    pairs = []
    for i in positions:
        if i in case.gradients:
            at_zero = [np.zeros_like(a) if j == i else a for j, a in enumerate(case.args)]
            change = case.y - np.asarray(case(*at_zero))
            pairs.append((np.sum(change * case.v), np.sum(case.args[i] * case.gradients[i])))
    return pairs


for _name, _positions in LINEAR.items():
    identity("linear, so <f(x) - f(0), v> = <x, gradient>", _name)(partial(_adjoint, positions=_positions))


# -------------------------------------------------------------------------------------------------------------- linalg


@identity("the inverse times the matrix is the identity", "inv")
def _(case: Case) -> list[Pair]:
    return [(case.y @ case.args[0], np.broadcast_to(np.eye(case.y.shape[-1]), case.y.shape))]


@identity("the matrix times the solution is the right-hand side", "solve")
def _(case: Case) -> list[Pair]:
    a, b = case.args
    y = case.y[..., None] if b.ndim == 1 else case.y
    return [(a @ y, np.broadcast_to(b[..., None] if b.ndim == 1 else b, y.shape))]


@identity("L times its transpose is the matrix", "cholesky")
def _(case: Case) -> list[Pair]:
    a = case.args[0]
    return [(case.y @ case.y.swapaxes(-1, -2), (a + a.swapaxes(-1, -2)) / 2)]


@identity("q times r is the matrix", "qr")
def _(case: Case) -> list[Pair]:
    q, r = case.op(*case.args, **case.params)
    return [(q @ r, case.args[0])]


@identity("u s vh is the matrix", "svd")
def _(case: Case) -> list[Pair]:
    u, s, vh = case.op(*case.args, **case.params)
    return [((u * s[..., None, :]) @ vh, case.args[0])]
