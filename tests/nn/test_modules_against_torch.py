"""Modules and losses against PyTorch: outputs, gradients of inputs and parameters, state dicts both ways, in float64.

The arguments are those with which PyTorch tests its own modules, and some more of our own.
"""

from __future__ import annotations

import sys
import types
import unittest
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the reference here and no dependency")
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

TOLERANCE = 1e-9
INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)

#: modules of PyTorch's list that minigrad does not have, and why
ABSENT = {
    **{f"Lazy{name}{n}d": "lazy modules are not offered" for name in ("Conv", "ConvTranspose") for n in (1, 2, 3)},
    **{f"FractionalMaxPool{n}d": "pooling with random windows is not offered" for n in (2, 3)},
    "LinearCrossEntropyLoss": "linear and cross_entropy do the same; fusing them is a matter of memory",
}
#: samples on which minigrad differs on purpose, by module and description, and why
DIFFERENT = {
    **{(f"BatchNorm{n}d", "zero_batch"): "the statistics of no values are an error here" for n in (1, 2, 3)},
}


def module_db() -> list[Any]:
    """PyTorch's list of modules and arguments. It wants a test helper that is not part of PyTorch, and of it only a name."""
    stub = types.ModuleType("expecttest")
    stub.TestCase = unittest.TestCase  # type: ignore[attr-defined]
    sys.modules.setdefault("expecttest", stub)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_modules import module_db

    return list(module_db)


DB = {info.name.removeprefix("nn."): info for info in module_db()}


def translated(value: Any) -> Any:
    """The same argument for minigrad: tensors, functions, dtypes and layers of PyTorch become ours."""
    if isinstance(value, torch.Tensor):
        return mg.Tensor(value.detach().numpy().copy(), requires_grad=value.requires_grad)
    if isinstance(value, (tuple, list)):
        return type(value)(translated(v) for v in value)
    if isinstance(value, dict):
        return {k: translated(v) for k, v in value.items() if k != "device"}
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        return nn.TransformerEncoderLayer(
            value.linear1.in_features, value.self_attn.num_heads, value.linear1.out_features, value.dropout.p,
            translated(value.activation), value.norm1.eps, value.self_attn.batch_first, value.norm_first, value.linear1.bias is not None,
        )  # fmt: skip
    if callable(value):
        return getattr(nn.functional, value.__name__)
    return value


def tensors(value: Any) -> Iterator[Any]:
    """Every tensor within an argument or a result, in order."""
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors(item)
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))
    elif isinstance(value, (torch.Tensor, mg.Tensor)):
        yield value


def close(ours: Any, theirs: Any, what: str) -> None:
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape, what
    np.testing.assert_allclose(ours.data, theirs, rtol=TOLERANCE, atol=TOLERANCE, err_msg=what)


def compare(ours: Any, theirs: Any, args: Any, kwargs: Any) -> None:
    """Outputs and all gradients of two modules with the same parameters."""
    our_args, our_kwargs = translated(args), translated(kwargs)
    expected, found = list(tensors(theirs(*args, **kwargs))), list(tensors(ours(*our_args, **our_kwargs)))
    assert len(found) == len(expected)
    rng = np.random.default_rng(0)
    our_sum: Any = 0
    their_sum: Any = 0
    for f, e in zip(found, expected, strict=True):
        close(f, e, "output")
        assert f.requires_grad == e.requires_grad
        if e.requires_grad:
            cotangent = np.asarray(rng.standard_normal(f.shape))
            our_sum, their_sum = our_sum + (f * cotangent).sum(), their_sum + (e * torch.from_numpy(cotangent)).sum()
    if not isinstance(their_sum, torch.Tensor):
        return
    our_sum.backward()
    their_sum.backward()
    pairs = list(zip(tensors([our_args, our_kwargs]), tensors([args, kwargs]), strict=True))
    pairs += [(ours.get_parameter(name), parameter) for name, parameter in theirs.named_parameters()]
    for f, e in pairs:
        if e.requires_grad and e.is_leaf:
            found_grad = mg.zeros(f.shape, dtype="float64") if f.grad is None else f.grad
            close(found_grad, torch.zeros_like(e) if e.grad is None else e.grad, "gradient")
            e.grad = None
    for (name, f), e in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        if not (name == "num_batches_tracked" and isinstance(ours, INSTANCE_NORMS)):  # PyTorch has it, and does not count
            close(f, e, f"buffer {name}")


def both(name: str, args: Any, kwargs: Any, training: bool) -> tuple[Any, Any]:
    """Our module and PyTorch's, with one state, which has gone both ways."""
    theirs = getattr(torch.nn, name)(*args, **kwargs).double().train(training)
    ours = getattr(nn, name)(*translated(args), **translated(kwargs)).double().train(training)
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    theirs.load_state_dict({key: torch.from_numpy(value.numpy().copy()) for key, value in ours.state_dict().items()})
    return ours, theirs


def is_different(name: str, desc: str) -> bool:
    return any(name == n and d in desc for n, d in DIFFERENT)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", sorted(set(DB) - set(ABSENT)))
def test_on_the_samples_of_pytorch(name: str, training: bool) -> None:
    torch.manual_seed(0)
    info = DB[name]
    samples = info.module_inputs_func(info, device="cpu", dtype=torch.float64, requires_grad=True, training=training)
    compared = 0
    for sample in samples:
        if is_different(name, sample.desc):
            continue
        try:
            ours, theirs = both(name, sample.constructor_input.args, sample.constructor_input.kwargs, training)
            compare(ours, theirs, list(sample.forward_input.args), sample.forward_input.kwargs)
        except BaseException as error:
            error.add_note(f"{name} {sample.desc}: {sample.constructor_input}, {sample.forward_input}")
            raise
        compared += 1
    assert compared


def test_no_module_is_absent_without_a_reason() -> None:
    assert {name for name in DB if not hasattr(nn, name)} == set(ABSENT)


# ------------------------------------------------------------------------------------------------ samples of our own


def floats(*shape: int) -> Any:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def labels(classes: int, *shape: int) -> Any:
    return torch.randint(0, classes, shape)


def signs(*shape: int) -> Any:
    return torch.randint(0, 2, shape).double() * 2 - 1


WEIGHT = torch.tensor([0.2, 2.0, 1.0]).double()
#: name, arguments of the constructor, what to call it with
MORE: list[tuple[str, tuple[Any, ...], dict[str, Any], Any]] = [
    *[("Conv2d", (4, 6, 3), {"padding": 1, "padding_mode": mode}, lambda: [floats(2, 4, 5, 6)])
      for mode in ("reflect", "replicate", "circular")],
    ("Conv1d", (4, 6, 4), {"padding": "same", "padding_mode": "circular", "dilation": 2}, lambda: [floats(2, 4, 9)]),
    ("Conv2d", (4, 6, (3, 2)), {"padding": "same", "groups": 2, "bias": False}, lambda: [floats(2, 4, 5, 6)]),
    ("Conv2d", (4, 8, (3, 2)), {"stride": (2, 1), "dilation": (1, 2), "groups": 4, "padding": (2, 0)}, lambda: [floats(2, 4, 7, 6)]),
    ("Conv3d", (2, 4, (1, 2, 3)), {"stride": (1, 2, 1), "padding": (0, 1, 1)}, lambda: [floats(2, 2, 3, 4, 5)]),
    ("Conv2d", (3, 2, 2), {}, lambda: [floats(3, 4, 4)]),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 3, "padding": 1, "output_padding": 2, "groups": 2}, lambda: [floats(2, 4, 5)]),
    ("ConvTranspose2d", (4, 6, (3, 2)), {"stride": (2, 3), "dilation": (2, 1), "bias": False}, lambda: [floats(2, 4, 3, 4)]),
    ("ConvTranspose2d", (2, 3, 3), {"stride": 2}, lambda: [floats(2, 2, 3, 4), [8, 9]]),
    ("ConvTranspose3d", (2, 3, 2), {"stride": 2, "padding": 1}, lambda: [floats(1, 2, 3, 3, 4)]),
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1, "return_indices": True, "ceil_mode": True}, lambda: [floats(2, 3, 6, 7)]),
    ("MaxPool1d", (2,), {"dilation": 2, "stride": 1}, lambda: [floats(2, 3, 7)]),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}, lambda: [floats(2, 3, 6, 7)]),
    ("ReflectionPad2d", ((1, 2, 0, 3),), {}, lambda: [floats(2, 3, 4, 5)]),
    ("CircularPad2d", ((1, -1, 2, 0),), {}, lambda: [floats(2, 3, 4, 5)]),
    ("ConstantPad1d", ((2, -1), 3.5), {}, lambda: [floats(3, 5)]),
    ("ZeroPad2d", ((-1, 2, 0, -2),), {}, lambda: [floats(1, 2, 5, 4)]),
    ("Flatten", (), {}, lambda: [floats(2, 3, 4)]),
    ("Flatten", (0, 1), {}, lambda: [floats(2, 3, 4)]),
    ("Unflatten", (1, (2, -1)), {}, lambda: [floats(2, 6, 3)]),
    ("Identity", (7,), {"unused": True}, lambda: [floats(2, 3)]),
    *[(name, (0.0,), {}, lambda: [floats(2, 3, 4, 5)]) for name in ("Dropout", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout")],
    ("RReLU", (0.2, 0.2), {}, lambda: [floats(3, 4)]),
    ("Hardsigmoid", (), {}, lambda: [3 * floats(3, 4)]),
    ("Softmax2d", (), {}, lambda: [floats(3, 4, 2)]),
    ("Embedding", (7, 3), {"padding_idx": -2}, lambda: [torch.tensor([[1, 5, 5], [0, 6, 1]])]),
    ("Embedding", (7, 3), {"scale_grad_by_freq": True}, lambda: [torch.tensor([[1, 5, 5], [0, 6, 1]])]),
    ("PairwiseDistance", (3.0, 1e-3, True), {}, lambda: [floats(4, 3), floats(4, 3)]),
    ("CosineSimilarity", (0, 1e-8), {}, lambda: [floats(4, 3), floats(4, 3)]),
    ("CosineSimilarity", (0,), {}, lambda: [floats(4, 3), floats(1, 3)]),
    ("CosineSimilarity", (1,), {}, lambda: [floats(3), floats(4, 3)]),
    ("TripletMarginLoss", (), {"margin": 0.7, "p": 3.0, "swap": True}, lambda: [floats(5, 4), floats(5, 4), floats(5, 4)]),
    ("TripletMarginLoss", (), {"reduction": "none"}, lambda: [floats(4), floats(4), floats(4)]),
    ("TripletMarginWithDistanceLoss", (), {"margin": 2.0, "swap": True}, lambda: [floats(5, 4), floats(5, 4), floats(5, 4)]),
    *[("CrossEntropyLoss", (), {"label_smoothing": 0.2, "ignore_index": 1, "reduction": r}, lambda: [floats(4, 3, 2), labels(3, 4, 2)])
      for r in ("mean", "none")],
    ("CrossEntropyLoss", (WEIGHT,), {"label_smoothing": 0.2, "ignore_index": 1}, lambda: [floats(6, 3), labels(3, 6)]),
    ("CrossEntropyLoss", (), {}, lambda: [1000 * floats(4, 3), floats(4, 3).softmax(1)]),
    ("CrossEntropyLoss", (), {}, lambda: [floats(3), labels(3)]),
    ("NLLLoss", (WEIGHT,), {"ignore_index": 0}, lambda: [floats(6, 3), labels(3, 6)]),
    ("BCEWithLogitsLoss", (), {"pos_weight": torch.tensor([0.5, 3.0]).double()}, lambda: [40 * floats(4, 2), torch.rand(4, 2).double()]),
    ("BCELoss", (), {}, lambda: [torch.tensor([0.0, 1.0, 0.0, 1.0, 0.3]).double(), torch.tensor([0.0, 1.0, 1.0, 0.0, 0.7]).double()]),
    ("GaussianNLLLoss", (), {"full": True, "eps": 0.5}, lambda: [floats(4, 3), floats(4, 3), torch.rand(4, 1).double().requires_grad_()]),
    ("SmoothL1Loss", (), {"beta": 0.0}, lambda: [floats(4, 3), floats(4, 3)]),
    ("MultiLabelMarginLoss", (), {}, lambda: [floats(2, 4), torch.tensor([[3, 0, -1, 1], [-1, 2, 2, 2]])]),
    ("MultiMarginLoss", (2, 0.5, WEIGHT), {}, lambda: [floats(6, 3), labels(3, 6)]),
    ("CosineEmbeddingLoss", (0.3,), {"reduction": "none"}, lambda: [floats(6, 3), floats(6, 3), signs(6)]),
    ("LSTM", (3, 4), {"num_layers": 3, "bidirectional": True, "batch_first": True, "proj_size": 2}, lambda: [floats(2, 5, 3)]),
    ("GRU", (3, 4), {"num_layers": 2, "bidirectional": True, "bias": False}, lambda: [floats(5, 2, 3), floats(4, 2, 4)]),
    ("RNN", (3, 4), {"nonlinearity": "relu", "bidirectional": True}, lambda: [floats(5, 3), floats(2, 4)]),
    ("LSTM", (3, 4), {}, lambda: [floats(5, 2, 3), (floats(1, 2, 4), floats(1, 2, 4))]),
    ("LSTMCell", (3, 4), {}, lambda: [floats(2, 3), (floats(2, 4), floats(2, 4))]),
    ("GRUCell", (3, 4), {"bias": False}, lambda: [floats(3)]),
    ("MultiheadAttention", (6, 2), {"kdim": 3, "vdim": 5, "batch_first": True},
     lambda: [floats(2, 4, 6), floats(2, 3, 3), floats(2, 3, 5)]),
    ("MultiheadAttention", (6, 3), {"add_bias_kv": True, "add_zero_attn": True},
     lambda: [floats(4, 2, 6), floats(3, 2, 6), floats(3, 2, 6), torch.tensor([[False, True, False]] * 2)]),
]  # fmt: skip


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("case", MORE, ids=[f"{i}-{case[0]}" for i, case in enumerate(MORE)])
def test_on_samples_of_our_own(case: Any, training: bool) -> None:
    name, args, kwargs, inputs = case
    torch.manual_seed(1)
    ours, theirs = both(name, args, kwargs, training)
    compare(ours, theirs, inputs(), {})


def test_embedding_with_a_largest_norm() -> None:
    torch.manual_seed(2)
    ours, theirs = both("Embedding", (5, 3), {"max_norm": 0.9, "norm_type": 3.0}, True)
    compare(ours, theirs, [torch.tensor([0, 3, 3])], {})
    close(ours.weight, theirs.weight, "the table is scaled in place")


@pytest.mark.parametrize(
    "kwargs",
    [{}, {"is_causal": True}, {"scale": 0.3}, {"mask": "bool"}, {"mask": "float"}, {"heads": (2, 1)}, {"heads": (6, 2)}],
    ids=lambda k: "-".join(k) or "plain",
)
def test_scaled_dot_product_attention(kwargs: dict[str, Any]) -> None:
    torch.manual_seed(3)
    kwargs = dict(kwargs)
    own, heads = kwargs.pop("heads", (2, 2))  # of the query, and of key and value
    kwargs |= {"enable_gqa": True} if own != heads else {}
    args = [floats(2, own, 4, 3), floats(2, heads, 5, 3), floats(2, heads, 5, 2)]
    kind = kwargs.pop("mask", None)
    if kind is not None:
        seen = torch.rand(4, 5) > 0.5
        seen[1] = False  # a query that may look at nothing
        kwargs["attn_mask"] = seen if kind == "bool" else torch.zeros(4, 5).double().masked_fill(~seen, -torch.inf)
    found = nn.functional.scaled_dot_product_attention(*(our := translated(args)), **translated(kwargs))
    expected = torch.nn.functional.scaled_dot_product_attention(*args, **kwargs)
    close(found, expected, "output")
    cotangent = np.random.default_rng(0).standard_normal(found.shape)
    found.backward(cotangent)
    expected.backward(torch.from_numpy(cotangent))
    for f, e in zip(our, args, strict=True):
        close(f.grad, e.grad, "gradient")


# ------------------------------------------------------------------------------------------------ initial values

INITIALIZED: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Linear", (300, 200), {}),
    ("Bilinear", (20, 30, 40), {}),
    ("Conv1d", (40, 60, 5), {"groups": 2}),
    ("Conv2d", (40, 60, 3), {}),
    ("ConvTranspose2d", (40, 60, 3), {"groups": 4}),
    ("ConvTranspose3d", (10, 20, 3), {}),
    ("Embedding", (200, 50), {}),
    ("LSTM", (60, 70), {"num_layers": 2, "bidirectional": True}),
    ("GRU", (60, 70), {}),
    ("RNN", (60, 70), {}),
    ("LSTMCell", (60, 70), {}),
    ("MultiheadAttention", (60, 6), {}),
    ("MultiheadAttention", (60, 6), {"kdim": 40, "vdim": 50, "add_bias_kv": True}),
    ("TransformerDecoderLayer", (64, 4, 100), {}),
    ("Transformer", (32, 4, 1, 1, 64), {}),
    ("PReLU", (30,), {}),
]


@pytest.mark.parametrize("case", INITIALIZED, ids=[f"{i}-{case[0]}" for i, case in enumerate(INITIALIZED)])
def test_initial_values_are_distributed_alike(case: Any) -> None:
    """Two samples of one distribution: Kolmogorov and Smirnov's test, with seeds that were not chosen."""
    stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed; its tests compare distributions here")
    name, args, kwargs = case
    torch.manual_seed(0)
    mg.manual_seed(0)
    theirs, ours = getattr(torch.nn, name)(*args, **kwargs).state_dict(), getattr(nn, name)(*args, **kwargs).state_dict()
    assert list(ours) == list(theirs)
    for key, ours_here in ours.items():
        a, b = ours_here.numpy().ravel(), theirs[key].numpy().ravel()
        assert a.dtype == b.dtype
        assert ours_here.shape == tuple(theirs[key].shape)
        if np.ptp(b) == 0:
            np.testing.assert_array_equal(a, b)
        else:
            assert stats.ks_2samp(a, b).pvalue > 1e-4, key
            if a.size > 1000 and "emb" not in key:
                assert np.abs(a).max() == pytest.approx(np.abs(b).max(), rel=0.02) or name == "Embedding", key
