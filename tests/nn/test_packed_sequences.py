"""Sequences of different lengths: packed, padded and run through recurrent layers as in PyTorch, and as one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.strict_cuda import pretended_gpu

import minigrad as mg
from minigrad import nn
from minigrad.nn.utils.rnn import (
    PackedSequence,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpad_sequence,
)

LENGTHS = {
    "sorted": [5, 3, 3, 1],
    "in any order": [2, 5, 1, 2],
    "of one length": [5, 5, 5, 5],
    "none of the longest": [3, 4, 1, 2],
    "all of one": [1, 1, 1, 1],
}
LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu", "bidirectional": True}),
    ("LSTM", {"num_layers": 2, "bidirectional": True}),
    ("LSTM", {"num_layers": 3, "bidirectional": True, "proj_size": 2, "batch_first": True}),
    ("GRU", {"num_layers": 2, "bias": False}),
    ("GRU", {"bidirectional": True, "batch_first": True}),
]


def floats(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def pair(x: np.ndarray) -> tuple[Any, Any, Any]:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    return mg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True), torch


def equal(ours: Any, theirs: Any, what: str = "") -> None:
    assert ours.shape == tuple(theirs.shape), what
    np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-9, atol=1e-9, err_msg=what)


@pytest.mark.torch
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_packed_and_padded_as_pytorch_has_it(batch_first: bool, lengths: list[int]) -> None:
    ours, theirs, torch = pair(floats(*((4, 5) if batch_first else (5, 4)), 2, 3))
    options = {"batch_first": batch_first, "enforce_sorted": lengths == sorted(lengths, reverse=True)}
    a = pack_padded_sequence(ours, lengths, **options)
    b = torch.nn.utils.rnn.pack_padded_sequence(theirs, torch.tensor(lengths), **options)
    equal(a.data, b.data)
    np.testing.assert_array_equal(a.batch_sizes, b.batch_sizes.numpy())
    np.testing.assert_array_equal(a.lengths, lengths)
    if b.sorted_indices is not None and a.sorted_indices is not None:
        np.testing.assert_array_equal(a.sorted_indices, b.sorted_indices)
        np.testing.assert_array_equal(a.unsorted_indices, b.unsorted_indices)
    for settings in ({}, {"padding_value": -2.5}, {"total_length": 7}):
        (padded, counts), (expected, their_counts) = (
            function(packed, batch_first=batch_first, **settings)
            for function, packed in ((pad_packed_sequence, a), (torch.nn.utils.rnn.pad_packed_sequence, b))
        )
        equal(padded, expected)
        np.testing.assert_array_equal(counts.data, their_counts.numpy())
        cotangent = floats(*padded.shape, seed=1)
        padded.backward(mg.tensor(cotangent), retain_graph=True)
        expected.backward(torch.tensor(cotangent), retain_graph=True)
        equal(ours.grad, theirs.grad)


@pytest.mark.torch
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize(("name", "options"), LAYERS, ids=[f"{i}-{name}" for i, (name, _) in enumerate(LAYERS)])
@pytest.mark.parametrize("given_state", [False, True])
def test_recurrent_layers_as_pytorch_has_them(name: str, options: dict[str, Any], lengths: list[int], given_state: bool) -> None:
    x, y, torch = pair(floats(5, 4, 3))
    torch.manual_seed(0)
    other = getattr(torch.nn, name)(3, 4, **options).double()
    layer = getattr(nn, name)(3, 4, **options).double()
    layer.load_state_dict(other.state_dict())
    states: list[Any] = [None, None]
    if given_state:
        count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
        widths = [options.get("proj_size", 4), 4][: 2 if name == "LSTM" else 1]
        pairs = [pair(floats(count, 4, width, seed=width)) for width in widths]
        states = [tuple(p[k] for p in pairs) if name == "LSTM" else pairs[0][k] for k in (0, 1)]
    found, last = layer(pack_padded_sequence(x, lengths, enforce_sorted=False), states[0])
    expected, their_last = other(torch.nn.utils.rnn.pack_padded_sequence(y, torch.tensor(lengths), enforce_sorted=False), states[1])
    outputs = [(pad_packed_sequence(found)[0], torch.nn.utils.rnn.pad_packed_sequence(expected)[0])]
    outputs += zip(last, their_last, strict=True) if name == "LSTM" else [(last, their_last)]
    our_sum: Any = 0
    their_sum: Any = 0
    for i, (a, b) in enumerate(outputs):
        equal(a, b, f"output {i}")
        weight = floats(*a.shape, seed=i)
        our_sum, their_sum = our_sum + (a * weight).sum(), their_sum + (b * torch.tensor(weight)).sum()
    our_sum.backward()
    their_sum.backward()
    leaves = [(x, y), *[(p[0], p[1]) for p in (pairs if given_state else [])]]
    for a, b in [*leaves, *zip(layer.parameters(), other.parameters(), strict=True)]:
        equal(a.grad, b.grad, "gradient")


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_a_packed_batch_is_its_sequences_one_by_one(name: str) -> None:
    mg.manual_seed(0)
    layer = getattr(nn, name)(3, 4, num_layers=2, bidirectional=True).double()
    sequences = [mg.tensor(floats(n, 3, seed=n)) for n in (2, 5, 1, 4)]
    found, last = layer(pack_sequence(sequences, enforce_sorted=False))
    for i, (sequence, output) in enumerate(zip(sequences, unpad_sequence(*pad_packed_sequence(found)), strict=True)):
        alone, state = layer(sequence)
        np.testing.assert_allclose(output.data, alone.data, rtol=1e-12, atol=1e-14)
        for a, b in zip(last if name == "LSTM" else [last], state if name == "LSTM" else [state], strict=True):
            np.testing.assert_allclose(a.data[:, i], b.data, rtol=1e-12, atol=1e-14)


def test_padding_may_be_anything() -> None:
    layer = nn.GRU(3, 4, bidirectional=True)
    x = floats(5, 2, 3).astype(np.float32)
    results = []
    for padding in (0.0, 1e30):
        x[3:, 1] = padding
        t = mg.tensor(x, requires_grad=True)
        output, last = layer(pack_padded_sequence(t, [5, 3]))
        (output.data.sum() + last.sum()).backward()
        assert not t.grad.data[3:, 1].any()
        results.append((output.data.data, last.data, t.grad.data))
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_second_derivatives() -> None:
    mg.manual_seed(0)
    layer = nn.LSTM(2, 2, bidirectional=True).double()
    assert mg.gradcheck(lambda x: layer(pack_padded_sequence(x, [2, 3], enforce_sorted=False))[0].data, [floats(3, 2, 2)], order=2)


@pytest.mark.torch
@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"padding_value": 7.0}, {"padding_side": "left"}], ids=str)
def test_sequences_are_padded_as_in_pytorch(options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    arrays = [floats(n, 2, seed=n) for n in (3, 0, 4)]
    padded = pad_sequence([mg.tensor(a) for a in arrays], **options)
    equal(padded, torch.nn.utils.rnn.pad_sequence([torch.tensor(a) for a in arrays], **options))
    if "padding_side" not in options:
        for a, b in zip(unpad_sequence(padded, [3, 0, 4], options.get("batch_first", False)), arrays, strict=True):
            np.testing.assert_array_equal(a.data, b)


def test_a_captured_step_has_its_bits_and_refuses_lengths_as_arguments() -> None:
    mg.manual_seed(0)
    layer = nn.LSTM(3, 4, bidirectional=True)

    def step(x: Any) -> Any:
        layer.zero_grad()
        output, (h, _) = layer(pack_padded_sequence(x, [2, 5, 3], enforce_sorted=False))
        loss = (pad_packed_sequence(output)[0] ** 2).mean() + h.sum()
        loss.backward()
        return loss, layer.weight_hh_l0.grad

    fast = mg.capture(step)
    for seed in range(4):
        x = mg.tensor(floats(5, 3, 3, seed=seed).astype(np.float32))
        expected = [t.data.copy() for t in step(x)]
        for a, b in zip(fast(x), expected, strict=True):
            np.testing.assert_array_equal(a.data, b)

    refused = mg.capture(lambda x, lengths: pack_padded_sequence(x, lengths).data.sum())
    refused(x, mg.tensor([5, 3, 2]))
    with pytest.raises(mg.replay.CaptureError, match="a value was looked at"):
        refused(x, mg.tensor([5, 3, 2]))


def test_on_a_gpu() -> None:
    with pretended_gpu():
        results = []
        for device in ("cpu", "cuda"):
            mg.manual_seed(0)
            layer = nn.GRU(3, 4, bidirectional=True).double().to(device)
            x = mg.tensor(floats(5, 3, 3)).to(device).requires_grad_()
            output, last = layer(pack_padded_sequence(x, [2, 5, 3], enforce_sorted=False))
            padded, _ = pad_packed_sequence(output)
            (padded.sum() + (last**2).sum()).backward()
            results.append([t.detach().to("cpu").numpy() for t in (padded, last, x.grad)])
    for host, gpu in zip(*results, strict=True):
        np.testing.assert_allclose(gpu, host, rtol=1e-12, atol=1e-13)


X = mg.tensor(floats(3, 2, 4))
PACKED = pack_padded_sequence(X, [3, 2])
BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: pack_padded_sequence(X, [2, 3]), ValueError, "lengths must fall from one sequence to the next; enforce_sorted=False"),
    (lambda: pack_padded_sequence(X, [3, 0]), ValueError, "lengths are from 0 to 3; expected numbers from 1 to 3"),
    (lambda: pack_padded_sequence(X, [4, 2]), ValueError, "lengths are from 2 to 4"),
    (lambda: pack_padded_sequence(X, [3]), ValueError, r"integers, one for each of 2 sequences, not int64 of shape \(1,\)"),
    (lambda: pack_padded_sequence(X, [3.0, 2.0]), ValueError, "not float64 of shape"),
    (lambda: pack_padded_sequence(X, mg.tensor([3.0, 2.0])), ValueError, "not float32 of shape"),
    (lambda: pack_padded_sequence(X[0, 0], [3]), ValueError, r"the input has shape \(4,\); expected steps and a batch"),
    (lambda: pad_packed_sequence(X), TypeError, "takes a PackedSequence, not a Tensor"),
    (lambda: pad_packed_sequence(PACKED, total_length=2), ValueError, "total_length is 2, and the longest sequence has 3 steps"),
    (lambda: pad_sequence([]), TypeError, "pad_sequence takes a list of sequences"),
    (lambda: pad_sequence([X, 3]), TypeError, "each a tensor with steps"),
    (lambda: pad_sequence([X, X[:, 0]]), ValueError, r"may differ in their first axis alone; they have shapes \[\(3, 2, 4\), \(3, 4\)\]"),
    (lambda: pad_sequence([X], padding_side="up"), ValueError, "padding_side is 'left' or 'right', not 'up'"),
    (lambda: pack_sequence([X[:1], X]), ValueError, "lengths must fall"),
    (lambda: unpad_sequence(X, [3, 4]), ValueError, "unpad_sequence: lengths are from 3 to 4"),
    (lambda: nn.GRU(3, 2).double()(PACKED), ValueError, r"GRU: the data of the packed sequence have shape \(5, 4\); .*, 3\)"),
    (lambda: nn.GRU(4, 2).double()(PACKED, mg.tensor(floats(1, 3, 2))), ValueError, r"expected \[\(1, 2, 2\)\]"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD, ids=range(len(BAD)))
def test_what_does_not_fit_is_said(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()


def test_a_packed_sequence_made_by_hand_keeps_its_order() -> None:
    packed = PackedSequence(X[:, 0], np.array([2, 1]), np.array([1, 0]), np.array([1, 0]))
    output, _ = nn.GRU(4, 2).double()(packed)
    assert output.sorted_indices is packed.sorted_indices
    padded, lengths = pad_packed_sequence(packed)
    assert lengths.tolist() == [1, 2]
    np.testing.assert_array_equal(padded.data[:, 1], X.data[[0, 2], 0])


def test_padding_keeps_integers_integers():
    packed = pack_padded_sequence(mg.tensor(np.array([[1, 2], [3, 4]])), [2, 1])
    padded, _ = pad_packed_sequence(packed, padding_value=-1.0)
    assert padded.dtype == np.int64
    assert padded.tolist() == [[1, 2], [3, -1]]
