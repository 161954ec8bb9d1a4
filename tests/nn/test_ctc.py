"""The CTC loss: the sum over alignments by its definition, PyTorch's numbers, and what it refuses."""

from __future__ import annotations

import math
from itertools import groupby, product
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn

F = nn.functional
STEPS, BATCH, CLASSES = 7, 5, 4
TARGETS = np.array([[1, 2, 3], [2, 2, 1], [3, 3, 3], [1, 3, 0], [0, 0, 0]])  # the last one is empty
COUNTS, LENGTHS = [3, 3, 3, 2, 0], [7, 6, 4, 2, 5]  # the third is one step too short for its repetitions


def logits(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def by_definition(log_probs: np.ndarray, target: list[int], blank: int = 0) -> float:
    """Minus the logarithm of the sum over every sequence of classes that collapses to the target."""
    total = -math.inf
    for path in product(range(log_probs.shape[1]), repeat=len(log_probs)):
        if [c for c, _ in groupby(path) if c != blank] == target:
            total = np.logaddexp(total, sum(log_probs[t, c] for t, c in enumerate(path)))
    return -total


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("target", [[], [1], [1, 3], [3, 3], [1, 1, 3], [3, 3, 3]], ids=str)
def test_it_is_the_sum_over_all_alignments(target: list[int], blank: int) -> None:
    log_probs = F.log_softmax(mg.tensor(logits(4, 4)), dim=-1)
    found = F.ctc_loss(log_probs, np.array(target, int), 4, len(target), blank=blank, reduction="sum")
    assert found.item() == pytest.approx(by_definition(log_probs.numpy(), target, blank), rel=1e-12)


def both(x: np.ndarray, *args: Any, **options: Any) -> tuple[Any, ...]:
    """Loss and gradient of logits, here and in PyTorch."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    ours, theirs = mg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    found = F.ctc_loss(F.log_softmax(ours, dim=-1), *args, **options)
    expected = torch.nn.functional.ctc_loss(theirs.log_softmax(-1), *(torch.as_tensor(a) for a in args), **options)
    for loss in (found, expected):
        (loss if not loss.ndim else (loss * type(loss)(np.arange(1.0, BATCH + 1))).sum()).backward()
    return found.detach().numpy(), expected.detach().numpy(), ours.grad.numpy(), theirs.grad.numpy()


@pytest.mark.torch
@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("end_to_end", [False, True])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_as_pytorch_has_it(reduction: str, end_to_end: bool, zero_infinity: bool) -> None:
    targets = np.concatenate([row[:n] for row, n in zip(TARGETS, COUNTS, strict=True)]) if end_to_end else TARGETS
    args = (logits(STEPS, BATCH, CLASSES), targets, np.array(LENGTHS), np.array(COUNTS))
    found, expected, gradient, theirs = both(*args, reduction=reduction, zero_infinity=zero_infinity)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.isinf(found).any() == (not zero_infinity)
    finite = [0, 1, 3, 4]
    np.testing.assert_allclose(gradient[:, finite], theirs[:, finite], atol=1e-12)
    assert not gradient[:, 2].any()
    assert np.isnan(theirs[:, 2]).any() != zero_infinity


@pytest.mark.torch
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_without_a_batch(reduction: str) -> None:
    found, expected, gradient, theirs = both(logits(6, 5), np.array([4, 1, 1]), 6, 3, blank=2, reduction=reduction)
    assert found.shape == expected.shape == ()
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(gradient, theirs, atol=1e-12)


@pytest.mark.torch
def test_a_layer_and_many_steps_in_float32() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x, targets = logits(400, 3, 8).astype(np.float32) * 10, np.random.default_rng(1).integers(1, 8, (3, 90))
    ours, theirs = mg.tensor(x, requires_grad=True), torch.tensor(x.astype(float), requires_grad=True)
    lengths = [400, 395, 220], [90, 60, 80]
    nn.CTCLoss()(F.log_softmax(ours, dim=2), mg.tensor(targets), *lengths).backward()
    torch.nn.CTCLoss()(theirs.log_softmax(2), torch.tensor(targets), *lengths).backward()
    assert ours.grad.dtype == np.float32
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), atol=1e-5)


def test_the_gradient_is_minus_the_share_of_the_alignments() -> None:
    log_probs = mg.tensor(logits(5, 3, 4), requires_grad=True)
    loss = F.ctc_loss(log_probs, TARGETS[:3, :2], [5, 4, 3], [2, 2, 0], reduction="sum")
    loss.backward()
    shares = -log_probs.grad.numpy()
    assert (shares >= 0).all()
    within = np.arange(5)[:, None] < np.array([5, 4, 3])
    np.testing.assert_allclose(shares.sum(-1), within, atol=1e-12)  # each step of an alignment names one class
    np.testing.assert_array_equal(shares[:3, 2, 0], 1)  # all are blanks where the target is empty


@pytest.mark.parametrize("order", [2, pytest.param(3, marks=pytest.mark.thorough)])
def test_derivatives_of_higher_order(order: int) -> None:
    def f(x: Any) -> Any:
        return F.ctc_loss(F.log_softmax(x, dim=-1), np.array([[1, 1], [2, 1]]), [4, 3], [2, 1])

    assert mg.gradcheck(f, [logits(4, 2, 3)], order=order)


def test_where_nothing_is_impossible_and_where_all_is() -> None:
    sure = np.log(
        np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]) + 0.0, where=np.array([[0, 1], [1, 0], [0, 1]], bool), out=np.full((3, 2), -np.inf)
    )
    x = mg.tensor(sure, requires_grad=True)
    loss = F.ctc_loss(x, np.array([1, 1]), 3, 2)
    loss.backward()
    assert loss.item() == 0
    np.testing.assert_array_equal(x.grad.numpy(), np.where(np.isinf(sure), 0, -0.5))
    other = F.ctc_loss(x, np.array([1]), 3, 1)
    assert other.item() == math.inf


def test_of_no_samples_and_no_labels() -> None:
    x = mg.tensor(logits(3, 0, 4), requires_grad=True)
    loss = F.ctc_loss(x, np.zeros((0, 2), int), np.zeros(0, int), np.zeros(0, int), reduction="sum")
    loss.backward()
    assert (loss.item(), x.grad.shape) == (0, (3, 0, 4))
    assert F.ctc_loss(mg.tensor(logits(3, 2, 4)), np.zeros(0, int), [3, 0], [0, 0], reduction="none").numpy()[1] == 0
    assert F.ctc_loss(mg.tensor(logits(3, 1, 4)), np.array([[1]]), [0], [1]).item() == math.inf


@pytest.mark.parametrize("end_to_end", [False, True])
def test_a_captured_step_has_its_bits(end_to_end: bool) -> None:
    targets = np.concatenate([row[:n] for row, n in zip(TARGETS, COUNTS, strict=True)]) if end_to_end else TARGETS
    results = []
    for captured in (False, True):
        x = mg.tensor(logits(STEPS, BATCH, CLASSES), requires_grad=True)

        def step(targets: Any, lengths: Any, counts: Any, x: Any = x) -> Any:
            x.grad = None
            loss = F.ctc_loss(F.log_softmax(x, dim=-1), targets, lengths, counts, zero_infinity=True)
            loss.backward()
            return loss, x.grad

        run = mg.capture(step) if captured else step
        for k in range(4):
            loss, gradient = run(*(mg.tensor(np.roll(a, k * (not end_to_end), 0)) for a in (targets, LENGTHS, COUNTS)))
            results.append((loss.detach().numpy().copy(), gradient.numpy().copy()))
    for (a, b), (c, d) in zip(results[:4], results[4:], strict=True):
        np.testing.assert_allclose(c, a, rtol=1e-14)  # end to end, a captured step cannot look how long the longest target is
        np.testing.assert_allclose(d, b, atol=1e-15)


X = mg.tensor(logits(4, 2, 3))
BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: F.ctc_loss(X[0, 0], [[1], [1]], [4, 4], [1, 1]), TypeError, "the target must be a tensor or an array, not a list"),
    (lambda: F.ctc_loss(X[0, 0], np.ones((2, 1), int), [4, 4], [1, 1]), ValueError, r"shape \(3,\); expected \(T, N, C\), or \(T, C\)"),
    (lambda: F.ctc_loss(X, np.ones((2, 1), int), [4, 4], [1, 1], blank=3), ValueError, "blank=3 is none of the 3 classes"),
    (lambda: F.ctc_loss(X, np.ones((2, 1)), [4, 4], [1, 1]), TypeError, "must be integers, not float64"),
    (lambda: F.ctc_loss(X, np.ones((3, 1), int), [4, 4], [1, 1]), ValueError, r"targets have shape \(3, 1\); expected \(2, S\)"),
    (lambda: F.ctc_loss(X, np.ones(3, int), [4, 4], [1, 1]), ValueError, "end to end are 3, and target_lengths add up to 2"),
    (
        lambda: F.ctc_loss(X, np.ones((2, 1), int), [4, 5], [1, 1]),
        ValueError,
        "input_lengths are from 4 to 5; expected numbers from 0 to 4",
    ),
    (lambda: F.ctc_loss(X, np.ones((2, 1), int), [4, 4], [2, 1]), ValueError, "target_lengths are from 1 to 2; .* from 0 to 1"),
    (lambda: F.ctc_loss(X, np.ones((2, 1), int), [4, 4], [-1, 1]), ValueError, "target_lengths are from -1 to 1"),
    (lambda: F.ctc_loss(X, np.ones((2, 1), int), [4.0, 4.0], [1, 1]), TypeError, "input_lengths must be integers, not float32"),
    (lambda: F.ctc_loss(X, np.ones((2, 1), int), 4, [1, 1]), ValueError, r"input_lengths has shape \(\); expected \(2,\)"),
    (lambda: F.ctc_loss(X, np.array([[1], [0]]), [4, 4], [1, 1]), ValueError, "a target holds 0, which is the blank"),
    (lambda: F.ctc_loss(X, np.array([[1], [3]]), [4, 4], [1, 1]), IndexError, "ctc_loss: label 3 is outside the 3 classes"),
    (lambda: F.ctc_loss(X, np.ones((2, 1), int), [4, 4], [1, 1], reduction="avg"), ValueError, "unknown reduction 'avg'"),
    (lambda: nn.CTCLoss(reduction="avg"), ValueError, "CTCLoss: unknown reduction 'avg'"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_what_lies_behind_the_end_of_a_target_is_not_looked_at() -> None:
    first = F.ctc_loss(X, np.array([[1, 2], [2, -1]]), [4, 4], [2, 1])
    second = F.ctc_loss(X, np.array([[1, 2], [2, 99]]), [4, 4], [2, 1])
    assert first.item() == second.item()
