"""Layers: what they refuse, what is random in them, and what PyTorch cannot be asked about."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn

F = nn.functional


def ones(*shape: int) -> mg.Tensor:
    return mg.ones(shape)


def integers(*values: Any) -> mg.Tensor:
    return mg.Tensor(np.array(values))


BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: nn.Linear(3, 2)(ones(4, 5)), ValueError, r"linear: x has shape \(4, 5\) and weight \(2, 3\)"),
    (lambda: nn.Bilinear(3, 2, 1)(ones(4, 3), ones(4, 3)), ValueError, r"bilinear: inputs of shape \(4, 3\) and \(4, 3\)"),
    (lambda: nn.Bilinear(0, 2, 1), ValueError, "in1_features must be positive"),
    (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "Conv2d: 3 channels in and 4 out cannot be split into 2 groups"),
    (lambda: nn.Conv2d(3, 4, 3, padding="full"), ValueError, "padding is 'full'; expected 'same', 'valid' or numbers"),
    (lambda: nn.Conv2d(3, 4, 3, padding="same", stride=2), ValueError, "padding='same' needs stride 1"),
    (lambda: nn.Conv2d(3, 4, (3, 3, 3)), ValueError, "one for each of 2 spatial axes"),
    (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), ValueError, "unknown padding_mode 'mirror'"),
    (lambda: nn.Conv2d(3, 4, 3)(ones(2, 5, 8, 8)), ValueError, "channels"),
    (lambda: nn.Conv2d(3, 4, 9)(ones(2, 3, 8, 8)), ValueError, "window"),
    (lambda: nn.ConvTranspose1d(2, 2, 3, padding_mode="reflect"), ValueError, "can only be 'zeros', not 'reflect'"),
    (lambda: nn.ConvTranspose1d(2, 2, 3, stride=2)(ones(1, 2, 4), [12]), ValueError, r"output_size \(12,\) is not within \[9\] to \[10\]"),
    (lambda: nn.ZeroPad2d((1, 2, 3)), ValueError, "ZeroPad2d: padding is one length or 4 of them"),
    (lambda: nn.ZeroPad2d(1)(ones(3, 3)), ValueError, "ZeroPad2d: the input has shape"),
    (lambda: F.pad(ones(3), (1, 1), mode="mirror"), ValueError, "pad: unknown mode 'mirror'"),
    (lambda: F.pad(ones(3), (1, 1), mode="reflect", value=1.0), ValueError, "mode 'reflect' takes no value"),
    (lambda: F.pad(ones(3), (1, 1, 1)), ValueError, "pad: 3 lengths for an input of shape"),
    (lambda: F.flatten(ones(2, 3), 1, 0), ValueError, "flatten: there are no axes 1 to 0"),
    (lambda: F.unflatten(ones(2, 6), 1, (4, -1)), ValueError, "axis 1 of length 6 cannot become"),
    (lambda: F.unflatten(ones(2, 6), 2, (6,)), ValueError, "unflatten: there is no axis 2"),
    (lambda: nn.Dropout(1.5), ValueError, "Dropout: p is a probability, from 0 to 1, not 1.5"),
    (lambda: F.dropout(ones(3), -0.1), ValueError, "dropout: p is a probability"),
    (lambda: F.dropout1d(ones(3)), ValueError, "dropout1d: the input has shape"),
    (lambda: nn.Softmax()(ones(3)), TypeError, "softmax needs to know the axis"),
    (lambda: nn.Softmax2d()(ones(3)), ValueError, "Softmax2d: the input has shape"),
    (lambda: nn.Softshrink(-1.0), ValueError, "lambd must not be negative"),
    (lambda: nn.Hardtanh(1.0, -1.0), ValueError, "max_val must be larger"),
    (lambda: nn.PReLU(3)(ones(2, 4)), ValueError, "prelu: weight has shape"),
    (lambda: nn.Embedding(5, 2)(integers(1, 5)), IndexError, "embedding: index 5 is outside the 5 rows, 0 to 4"),
    (lambda: nn.Embedding(5, 2)(integers(-1)), IndexError, "embedding: index -1 is outside the 5 rows"),
    (lambda: nn.Embedding(5, 2)(ones(2)), TypeError, "every index is a number and must be an integer, not float32"),
    (lambda: nn.Embedding(5, 2, padding_idx=5), ValueError, "padding_idx 5 is outside the 5 rows"),
    (lambda: F.one_hot(integers(0, 3), 3), IndexError, "one_hot: label 3 is outside the 3 classes"),
    (lambda: nn.LSTM(3, 4, proj_size=4), ValueError, "proj_size is less than hidden_size"),
    (lambda: nn.RNN(3, 4, nonlinearity="sin"), ValueError, "unknown nonlinearity 'sin'"),
    (lambda: nn.RNNCell(3, 4, nonlinearity="sin"), ValueError, "unknown nonlinearity 'sin'"),
    (lambda: nn.GRU(3, 0), ValueError, "hidden_size and num_layers must be positive"),
    (lambda: nn.GRU(3, 4, dropout=2), ValueError, "dropout is a probability"),
    (lambda: nn.GRU(3, 4)(ones(5, 2, 4)), ValueError, "the last of length 3"),
    (lambda: nn.GRU(3, 4)(ones(5, 2, 3), ones(1, 3, 4)), ValueError, r"the state has shapes \[\(1, 3, 4\)\]; expected \[\(1, 2, 4\)\]"),
    (lambda: nn.LSTM(3, 4)(ones(5, 2, 3), ones(1, 2, 4)), ValueError, "the state has shapes"),
    (lambda: nn.LSTM(3, 4)(ones(0, 2, 3)), ValueError, "at least one step"),
    (lambda: nn.LSTMCell(3, 4)(ones(2, 3), (ones(2, 4), ones(2, 3))), ValueError, "the state has shape"),
    (lambda: nn.GRUCell(3, 4)(ones(2, 2, 3)), ValueError, "expected 1 or 2 axes"),
    (lambda: nn.MultiheadAttention(6, 4), ValueError, "embed_dim 6 cannot be split into 4 heads"),
    (lambda: nn.MultiheadAttention(4, 2)(ones(2, 4), ones(2, 1, 4), ones(2, 1, 4)), ValueError, "must all have 3 axes"),
    (
        lambda: nn.MultiheadAttention(4, 2)(*[ones(3, 1, 4)] * 3, attn_mask=mg.Tensor(np.zeros((2, 3), bool))),
        ValueError,
        r"attn_mask has shape \(2, 3\); expected \(3, 3\) or \(2, 3, 3\)",
    ),
    (
        lambda: nn.MultiheadAttention(4, 2)(*[ones(3, 1, 4)] * 3, key_padding_mask=integers([0, 0, 1])),
        TypeError,
        "key_padding_mask is int64; expected booleans",
    ),
    (lambda: F.scaled_dot_product_attention(ones(2, 3), ones(2, 4), ones(2, 4)), ValueError, "do not fit"),
    (
        lambda: F.scaled_dot_product_attention(ones(1, 4, 2, 3), *[ones(1, 3, 2, 3)] * 2, enable_gqa=True),
        ValueError,
        r"heads \(axis -3\) of query \(1, 4, 2, 3\) must be a multiple of those of key and value, .* \(1, 3, 2, 3\)",
    ),
    (lambda: F.scaled_dot_product_attention(*[ones(2, 3)] * 3, enable_gqa=True), ValueError, "must be a multiple"),
    (
        lambda: F.scaled_dot_product_attention(*[ones(2, 3)] * 3, attn_mask=np.ones((2, 2), bool), is_causal=True),
        ValueError,
        "give it, or attn_mask, and not both",
    ),
    (lambda: nn.TransformerEncoderLayer(4, 2, activation="sine"), ValueError, "unknown activation 'sine'"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[message[:40] for _, _, message in BAD])
def test_bad_input_is_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


# ------------------------------------------------------------------------------------------------------------ dropout


@pytest.mark.parametrize("cls", [nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d])
def test_dropout_drops_scales_and_is_off_in_evaluation(cls: Any) -> None:
    mg.manual_seed(0)
    layer = cls(0.3)
    x = ones(50, 40, *[2] * {"Dropout": 1, "Dropout1d": 1, "Dropout2d": 2, "Dropout3d": 3}[cls.__name__])
    x.requires_grad_()
    y = layer(x)
    values, counts = np.unique(y.data, return_counts=True)
    np.testing.assert_allclose(values, [0, 1 / 0.7], rtol=1e-6)
    assert counts[0] / y.size == pytest.approx(0.3, abs=0.03)
    if cls is not nn.Dropout:  # whole channels
        flat = y.data.reshape(50, 40, -1)
        assert (flat == flat[..., :1]).all()
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, y.data)
    assert layer.eval()(x) is x
    mg.manual_seed(0)
    np.testing.assert_array_equal(layer.train()(x).data, y.data)


def test_dropout_without_a_batch_and_at_the_ends() -> None:
    mg.manual_seed(0)
    y = F.dropout1d(ones(40, 3), 0.5).data
    assert (y == y[:, :1]).all()
    assert {0, 2} == set(np.unique(y))
    y = F.dropout2d(ones(20, 30, 4), 0.5).data  # three axes: (N, C, L)
    assert (y == y[..., :1]).all()
    assert not F.dropout(ones(5), 1.0).data.any()
    assert F.dropout(x := ones(5), 0.0) is x


@pytest.mark.parametrize("function", [F.alpha_dropout, F.feature_alpha_dropout])
def test_alpha_dropout_keeps_mean_and_variance(function: Any) -> None:
    mg.manual_seed(0)
    x = mg.random.normal((300, 200, 2), dtype="float64")
    y = function(x, 0.4, training=True).data
    assert y.mean() == pytest.approx(0, abs=0.05)
    assert y.var() == pytest.approx(1, abs=0.05)
    assert function(x, 0.4) is x
    assert not function(x, 1.0, training=True).data.any()


def test_rrelu_draws_slopes_in_training() -> None:
    mg.manual_seed(0)
    x = -ones(1000)
    y = nn.RReLU(0.1, 0.3)(x).data
    assert y.min() >= -0.3
    assert y.max() <= -0.1
    assert y.std() > 0.05
    np.testing.assert_allclose(nn.RReLU(0.1, 0.3).eval()(x).data, -0.2, rtol=1e-6)


# ------------------------------------------------------------------------------------------------------------- others


def test_recurrent_dropout_is_between_layers_only() -> None:
    mg.manual_seed(0)
    x = mg.random.normal((5, 2, 3))
    one = nn.GRU(3, 4, dropout=0.9)
    np.testing.assert_array_equal(one(x)[0].data, one(x)[0].data)
    two = nn.GRU(3, 4, num_layers=2, dropout=0.9)
    assert (two(x)[0].data != two(x)[0].data).any()
    two.eval()
    np.testing.assert_array_equal(two(x)[0].data, two(x)[0].data)


def test_causal_attention_is_the_same_with_and_without_a_mask() -> None:
    mg.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True).double()
    x = mg.random.normal((2, 5, 4), dtype="float64")
    mask = nn.Transformer.generate_square_subsequent_mask(5, dtype="float64")
    a, b = layer(x, is_causal=True), layer(x, mask)
    np.testing.assert_allclose(a.data, b.data, atol=1e-12)
    changed = mg.Tensor(x.data.copy())
    changed.data[:, 3:] = 0
    np.testing.assert_array_equal(layer(changed, is_causal=True).data[:, :3], a.data[:, :3])


def test_a_query_that_may_look_at_nothing_gets_zero() -> None:
    layer = nn.MultiheadAttention(4, 2, bias=False)
    out, weights = layer(*[ones(3, 1, 4)] * 3, key_padding_mask=mg.Tensor(np.ones((1, 3), bool)))
    assert not out.data.any()
    assert not weights.data.any()


def test_embedding_from_pretrained_is_frozen() -> None:
    table = np.arange(6.0).reshape(3, 2)
    layer = nn.Embedding.from_pretrained(table)
    assert not layer.weight.requires_grad
    assert layer(integers(2)).tolist() == [[4, 5]]
    layer.weight.copy_(0)
    assert table.any()
    assert nn.Embedding.from_pretrained(table, freeze=False).weight.requires_grad


def test_padding_row_is_zero_and_stays() -> None:
    layer = nn.Embedding(4, 3, padding_idx=-1)
    assert not layer.weight.data[3].any()
    layer(integers(0, 3, 3)).sum().backward()
    assert not layer.weight.grad.data[3].any()
    assert layer.weight.grad.data[0].all()


def test_one_hot_counts_the_classes() -> None:
    assert F.one_hot(integers(0, 2)).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert F.one_hot(integers(1), 3).dtype == np.int64
    assert F.one_hot(mg.zeros((2, 0), dtype="int64"), 3).shape == (2, 0, 3)


def test_normalize_and_similarity() -> None:
    x = mg.Tensor(np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(F.normalize(x).data, [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(nn.CosineSimilarity()(x, 2 * x).data, [1, 0])


def test_inplace_is_accepted_and_changes_nothing() -> None:
    x = mg.Tensor([-1.0, 1.0])
    for name in ("relu", "relu6", "selu", "silu", "mish", "hardswish", "hardsigmoid", "elu", "celu", "leaky_relu", "hardtanh"):
        getattr(F, name)(x, inplace=True)
    assert nn.ReLU(inplace=True)(x).tolist() == [0, 1]
    assert x.tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("module", "shown"),
    [
        (nn.Conv2d(3, 8, 3, padding=1, bias=False), "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)"),
        (nn.ConvTranspose1d(4, 2, 3, output_padding=0, groups=2), "ConvTranspose1d(4, 2, kernel_size=(3,), stride=(1,), groups=2)"),
        (nn.LSTM(3, 4, num_layers=2, bidirectional=True), "LSTM(3, 4, num_layers=2, bidirectional=True)"),
        (nn.Embedding(5, 2, padding_idx=0), "Embedding(5, 2, padding_idx=0)"),
        (nn.MaxPool2d(2), "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, return_indices=False, ceil_mode=False)"),
        (nn.Softplus(2.0), "Softplus(beta=2.0, threshold=20.0)"),
        (nn.CrossEntropyLoss(label_smoothing=0.1), "CrossEntropyLoss(reduction='mean', ignore_index=-100, label_smoothing=0.1)"),
        (nn.ConstantPad1d(1, 2.5), "ConstantPad1d(padding=(1, 1), value=2.5)"),
        (nn.Dropout(0.2), "Dropout(p=0.2)"),
    ],
    ids=lambda value: value.partition("(")[0] if isinstance(value, str) else "",
)
def test_repr_shows_the_settings(module: Any, shown: str) -> None:
    assert repr(module) == shown
