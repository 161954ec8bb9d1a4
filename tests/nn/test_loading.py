"""State dicts of others: as PyTorch wrote and writes them, and the layouts of Keras by the lines that docs/from_pytorch.md has for them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn


def make_pair() -> tuple[nn.Sequential, Any]:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    other = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)), other


def weights(model: nn.Module) -> list[np.ndarray]:
    return [value.data.copy() for value in model.state_dict().values()]


# ------------------------------------------------------------------------------------------------------------- PyTorch


@pytest.mark.torch
def test_the_iterator_of_named_parameters_as_it_stands() -> None:
    model, other = make_pair()
    missing, unexpected = model.load_state_dict(other.named_parameters(), strict=False)
    assert (missing, unexpected) == (["1.running_mean", "1.running_var"], [])
    for name, value in other.named_parameters():
        np.testing.assert_array_equal(model.get_parameter(name).data, value.detach().numpy())
    with pytest.raises(ValueError, match=r"missing: 1\.running_mean, 1\.running_var"):
        model.load_state_dict(other.named_parameters())
    model.load_state_dict({**other.state_dict(), **dict(other.named_parameters())})
    model[0].load_state_dict(other[0].named_parameters())  # of a layer without buffers all of it
    nn.Linear(3, 2).load_state_dict(model[0].named_parameters())


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_narrow_tensors_of_pytorch_become_float32_and_one_warning_says_so(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    model, other = make_pair()
    state = {name: x.to(getattr(torch, dtype)) if x.is_floating_point() else x for name, x in other.state_dict().items()}
    with pytest.warns(UserWarning, match="converted") as caught:
        model.load_state_dict(state)
    assert [str(w.message) for w in caught] == [f"load_state_dict: converted 6 from torch.{dtype} to float32"]
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(model[0].weight.data, state["0.weight"].float().numpy())


@pytest.mark.parametrize("count", [np.array([7]), np.array([7.0], np.float32), np.array(7.0)], ids=["(1,)", "float (1,)", "float"])
def test_old_batch_counts(count: np.ndarray) -> None:
    model = nn.BatchNorm1d(2)
    old = {**model.state_dict(), "num_batches_tracked": count}
    with pytest.warns(UserWarning, match=rf"converted 1 from a batch count of {count.dtype} and shape .* to one integer"):
        model.load_state_dict(old)
    assert (model.num_batches_tracked.dtype, model.num_batches_tracked.shape, model.num_batches_tracked.item()) == (np.int64, (), 7)
    del old["num_batches_tracked"]
    assert model.load_state_dict(old).missing_keys == []
    assert model.num_batches_tracked.item() == 7


def test_a_warning_that_is_an_error_leaves_the_model_as_it_was() -> None:
    model = nn.BatchNorm1d(2)
    before = weights(model)
    state = {"weight": np.full(2, 5.0), "num_batches_tracked": np.array([7])}
    with pytest.raises(UserWarning, match="converted"):  # pytest makes errors of them
        model.load_state_dict(state, strict=False)
    for value, old in zip(weights(model), before, strict=True):
        np.testing.assert_array_equal(value, old)


BAD = [
    (lambda s: {"epoch": 3, "model": s}, ValueError, r"the dict under 'model' has such names: give that"),
    (
        lambda s: {f"module.{name}": x for name, x in s.items()},
        ValueError,
        r"all names begin with 'module\.': give \{name\.removeprefix\('module\.'\): value for name, value in state\.items\(\)\}",
    ),
    (lambda s: s.values(), TypeError, "or pairs of name and tensor, not a dict_values"),
    (lambda s: np.ones((2, 2)), TypeError, "or pairs of name and tensor, not a ndarray"),
    (lambda s: "weights.safetensors", TypeError, "or pairs of name and tensor, not a str"),
    (lambda s: None, TypeError, "or pairs of name and tensor, not a NoneType"),
    (lambda s: [*s.items(), *list(s.items())[:1]], ValueError, r"the name '0\.weight' occurs twice; nothing was loaded"),
]


@pytest.mark.parametrize(("change", "kind", "message"), BAD, ids=range(len(BAD)))
def test_what_is_no_state_of_this_model_is_told_what_to_give(change: Any, kind: type[Exception], message: str) -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    before = weights(model)
    other = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    with pytest.raises(kind, match=message):
        model.load_state_dict(change(other.state_dict()))
    for value, old in zip(weights(model), before, strict=True):
        np.testing.assert_array_equal(value, old)


@pytest.mark.torch
def test_a_type_that_is_not_known_is_named() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"holds torch\.float8_e8m0fnu under 'weight', which NumPy has no type for: convert it to float32"):
        nn.Linear(3, 2).load_state_dict({"weight": torch.zeros(2, 3).to(torch.float8_e8m0fnu)})


# -------------------------------------------------------------------------------- Keras's layouts, by the lines of the docs

PAGE = (Path(mg.__file__).parents[1] / "docs" / "from_pytorch.md").read_text(encoding="utf-8")
LINES = dict(re.findall(r"^\| (`\w+`[^|]*?) \|[^|]*\| `(\{.*\})` \|$", PAGE, re.MULTILINE))
rng = np.random.default_rng(0)


def load_by(row: str, layer: nn.Module, **arrays: Any) -> nn.Module:
    """Load what the page says for a layer of Keras."""
    layer.load_state_dict(eval(LINES[row], {"np": np, **arrays}))
    return layer.eval()


def array(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def assert_equal(found: mg.Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_a_dense_layer_of_keras() -> None:
    kernel, bias, x = array(3, 2), array(2), array(4, 3)
    assert_equal(load_by("`Dense`", nn.Linear(3, 2), kernel=kernel, bias=bias)(mg.tensor(x)), x @ kernel + bias)


@pytest.mark.parametrize("size", [(3,), (3, 2), (2, 3, 2)])
def test_a_convolution_of_keras_and_the_dense_layer_behind_its_flattening(size: tuple[int, ...]) -> None:
    kernel, bias, x = array(*size, 2, 5), array(5), array(4, *(6, 5, 4)[: len(size)], 2)  # height, width, in, out; channels last
    layer = load_by("`Conv1D`, `Conv2D`, `Conv3D`", getattr(nn, f"Conv{len(size)}d")(2, 5, size), kernel=kernel, bias=bias)
    space = tuple(range(1, len(size) + 1))
    windows = np.lib.stride_tricks.sliding_window_view(x, size, space)  # n, places, in, the kernel's axes
    expected = np.tensordot(windows, np.moveaxis(kernel, -2, 0), len(size) + 1) + bias
    found = layer(mg.tensor(np.moveaxis(x, -1, 1)))
    assert_equal(found, np.moveaxis(expected, -1, 1))
    if len(size) == 2:
        (h, w, c), dense, bias = expected.shape[1:], array(expected[0].size, 3), array(3)
        behind = nn.Linear(expected[0].size, 3)
        load_by("`Dense` after `Flatten` of (h, w, c)", behind, kernel=dense, bias=bias, h=h, w=w, c=c)
        assert_equal(behind(found.flatten(1)), expected.reshape(4, -1) @ dense + bias)


def test_normalizations_of_keras() -> None:
    gamma, beta, moving_mean, moving_variance, x = array(3), array(3), array(3), array(3) ** 2, array(5, 3)
    arrays = {"gamma": gamma, "beta": beta, "moving_mean": moving_mean, "moving_variance": moving_variance}
    layer = load_by("`BatchNormalization`", nn.BatchNorm1d(3, eps=1e-3), **arrays)
    assert_equal(layer(mg.tensor(x)), (x - moving_mean) / np.sqrt(moving_variance + 1e-3) * gamma + beta)
    layer = load_by("`LayerNormalization`", nn.LayerNorm(3, eps=1e-3), **arrays)
    xhat = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-3)
    assert_equal(layer(mg.tensor(x)), xhat * gamma + beta)


def test_an_embedding_of_keras() -> None:
    embeddings = array(7, 3)
    assert_equal(load_by("`Embedding`", nn.Embedding(7, 3), embeddings=embeddings)(mg.tensor([6, 0])), embeddings[[6, 0]])


def test_an_lstm_of_keras() -> None:
    kernel, recurrent, bias, x = array(3, 16), array(4, 16), array(16), array(2, 5, 3)
    layer = load_by("`LSTM`", nn.LSTM(3, 4, batch_first=True), kernel=kernel, recurrent=recurrent, bias=bias)
    h = c = np.zeros((2, 4), np.float32)
    for t in range(5):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    assert_equal(layer(mg.tensor(x))[0][:, -1], h)


def test_a_gru_of_keras() -> None:
    kernel, recurrent, bias, x, n = array(3, 12), array(4, 12), array(2, 12), array(2, 5, 3), 4
    (order,) = re.findall(r"`rzn = (.*?)` for n units", PAGE)
    rzn = eval(order, {"np": np, "n": n})
    layer = load_by("`GRU`", nn.GRU(3, 4, batch_first=True), kernel=kernel, recurrent=recurrent, bias=bias, rzn=rzn)
    h = np.zeros((2, 4), np.float32)
    for t in range(5):
        a, b = x[:, t] @ kernel + bias[0], h @ recurrent + bias[1]
        z, r = sigmoid(a[:, :4] + b[:, :4]), sigmoid(a[:, 4:8] + b[:, 4:8])
        h = z * h + (1 - z) * np.tanh(a[:, 8:] + r * b[:, 8:])
    assert_equal(layer(mg.tensor(x))[0][:, -1], h)


def test_every_line_of_the_page_is_used_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert len(LINES) == 8
    assert not [row for row in LINES if f'"{row}"' not in source]
