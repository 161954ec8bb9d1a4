"""Samples of every layer and loss of `minigrad.nn`: how to make it, and what to call it with.

Small, in float64, and away from kinks; layers that draw random numbers draw the same ones in every call of a check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from minigrad import nn
from minigrad.core.tensor import Tensor
from minigrad.gradcheck.samples.module_sample import ModuleSample

Draw = Callable[[np.random.Generator], tuple[Any, ...]]


def normal(*shapes: tuple[int, ...]) -> Draw:
    """Arguments of these shapes."""
    return lambda rng: tuple([rng.standard_normal(shape) for shape in shapes])


def clear(*shapes: tuple[int, ...]) -> Draw:
    """Arguments whose elements lie at least 0.02 from one another, and from 0 and 1: no ties, no kinks there."""

    def draw(rng: np.random.Generator) -> tuple[Any, ...]:
        sizes = [int(np.prod(shape)) for shape in shapes]
        values = rng.permutation(np.linspace(-1.57, 1.63, sum(sizes)))
        return tuple([part.reshape(shape) for part, shape in zip(np.split(values, np.cumsum(sizes)[:-1]), shapes, strict=True)])

    return draw


def unit(*shapes: tuple[int, ...]) -> Draw:
    """Arguments between 0.1 and 0.9."""
    return lambda rng: tuple([rng.uniform(0.1, 0.9, shape) for shape in shapes])


def positive(*shapes: tuple[int, ...]) -> Draw:
    """Arguments between 0.5 and 2."""
    return lambda rng: tuple([rng.uniform(0.5, 2, shape) for shape in shapes])


def integers(high: int, *shape: int) -> Draw:
    """One argument of integers below ``high``."""
    return lambda rng: (rng.integers(0, high, shape),)


def signs(*shape: int) -> Draw:
    """One argument of 1 and -1 in turn."""
    return lambda rng: (np.resize([1.0, -1.0], shape),)


def spaced(shape: tuple[int, ...]) -> Draw:
    """Numbers in some order of which no two differ by 1: a margin of 1 has no kink there."""
    return lambda rng: (rng.permuted(np.linspace(-2, 2.4, int(np.prod(shape)))).reshape(shape),)


def both(*draws: Draw) -> Draw:
    """The arguments of several, one after the other."""
    return lambda rng: tuple([arg for draw in draws for arg in draw(rng)])


WEIGHT = Tensor(np.array([0.3, 1.0, 2.0]))
IMAGE, LINE, BOX = (2, 2, 3, 4), (2, 2, 5), (1, 2, 2, 3, 2)

#: class, arguments of the constructor, settings, what to call it with
TABLE: list[tuple[type, tuple[Any, ...], dict[str, Any], Draw]] = [
    (nn.Linear, (3, 2), {}, normal((2, 3))),
    (nn.Linear, (3, 2), {"bias": False}, normal((2, 2, 3))),
    (nn.Bilinear, (2, 3, 2), {}, normal((2, 2), (2, 3))),
    (nn.Identity, (), {}, normal((2, 3))),
    (nn.Flatten, (), {}, normal((2, 2, 2))),
    (nn.Unflatten, (1, (2, 2)), {}, normal((2, 4))),
    (nn.Sequential, (nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1)), {}, normal((2, 3))),
    (nn.BatchNorm1d, (3,), {}, normal((5, 3))),
    (nn.BatchNorm1d, (2,), {"affine": False}, normal((3, 2, 2))),
    (nn.BatchNorm1d, (2,), {"bias": False}, normal((3, 2, 2))),
    (nn.BatchNorm1d, (3,), {"training": False}, normal((5, 3))),
    (nn.BatchNorm2d, (2,), {"momentum": None}, normal((2, 2, 2, 2))),
    (nn.BatchNorm3d, (2,), {"track_running_stats": False}, normal((2, 2, 2, 1, 2))),
    (nn.BatchRenorm, (3,), {"r_max": 1.0, "d_max": 0.0}, normal((5, 3))),
    (nn.InstanceNorm1d, (2,), {"affine": True}, normal((2, 2, 4))),
    (nn.InstanceNorm2d, (2,), {"track_running_stats": True}, normal((1, 2, 2, 3))),
    (nn.InstanceNorm3d, (2,), {}, normal((1, 2, 2, 2, 1))),
    (nn.LayerNorm, (4,), {}, normal((3, 4))),
    (nn.LayerNorm, ((2, 3),), {"elementwise_affine": False}, normal((2, 2, 3))),
    (nn.LayerNorm, ((2, 2),), {"bias": False}, normal((3, 2, 2))),
    (nn.RMSNorm, (4,), {"eps": 1e-3}, normal((3, 4))),
    (nn.GroupNorm, (2, 4), {}, normal((2, 4, 2))),
    (nn.LocalResponseNorm, (2,), {"alpha": 0.5}, normal((2, 3, 2))),
    (nn.ZCAWhitening, (2,), {}, normal((5, 2))),
    (nn.Embedding, (4, 2), {}, integers(4, 2, 3)),
    (nn.Embedding, (4, 2), {"padding_idx": 1, "scale_grad_by_freq": False}, lambda rng: (rng.choice([0, 2, 3], 5),)),
    # convolution
    (nn.Conv1d, (2, 2, 3), {"padding": "same", "dilation": 2}, normal(LINE)),
    (nn.Conv2d, (2, 4, (2, 3)), {"stride": (1, 2), "padding": 1, "groups": 2}, normal(IMAGE)),
    (nn.Conv2d, (2, 1, 2), {"padding": 1, "padding_mode": "circular", "bias": False}, normal((2, 2, 3))),
    (nn.Conv3d, (2, 1, 2), {}, normal(BOX)),
    (nn.ConvTranspose1d, (2, 1, 3), {"stride": 2, "padding": 1, "output_padding": 1}, normal((1, 2, 3))),
    (nn.ConvTranspose2d, (2, 2, 2), {"stride": 2, "groups": 2}, normal((1, 2, 2, 3))),
    (nn.ConvTranspose3d, (2, 1, 2), {"bias": False}, normal((1, 2, 2, 2, 1))),
    # padding and pooling
    *[(getattr(nn, f"{kind}Pad{n}d"), (1,), {}, normal((2, 1, *[3] * n)) if n < 3 else normal((1, 1, 2, 3, 2)))
      for kind in ("Zero", "Reflection", "Replication", "Circular") for n in (1, 2, 3)],
    *[(getattr(nn, f"ConstantPad{n}d"), ((1, -1) * n, 0.5), {}, normal((1, 1, *[2] * n))) for n in (1, 2, 3)],
    (nn.MaxPool1d, (2,), {"stride": 1, "dilation": 2}, clear(LINE)),
    (nn.MaxPool2d, (2,), {"padding": 1}, clear(IMAGE)),
    (nn.MaxPool3d, (2,), {"stride": 1}, clear(BOX)),
    (nn.AvgPool1d, (3,), {"padding": 1, "count_include_pad": False}, normal(LINE)),
    (nn.AvgPool2d, ((2, 3),), {"stride": 2, "ceil_mode": True}, normal(IMAGE)),
    (nn.AvgPool3d, (2,), {"stride": 1, "divisor_override": 3}, normal(BOX)),
    *[(getattr(nn, f"LPPool{n}d"), (3.0, 2), {"stride": 1}, positive((1, 2, *[3] * min(n, 2), *[2] * (n - 2)))) for n in (1, 2, 3)],
    (nn.AdaptiveAvgPool1d, (3,), {}, normal(LINE)),
    (nn.AdaptiveAvgPool2d, ((2, None),), {}, normal(IMAGE)),
    (nn.AdaptiveAvgPool3d, (2,), {}, normal(BOX)),
    (nn.AdaptiveMaxPool1d, (3,), {}, clear(LINE)),
    (nn.AdaptiveMaxPool2d, ((2, None),), {}, clear(IMAGE)),
    (nn.AdaptiveMaxPool3d, (2,), {}, clear(BOX)),
    # activations
    *[(cls, (), {}, clear((2, 4))) for cls in (
        nn.CELU, nn.ELU, nn.GELU, nn.GLU, nn.Hardshrink, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.LeakyReLU, nn.LogSigmoid, nn.Mish,
        nn.PReLU, nn.RReLU, nn.ReLU, nn.ReLU6, nn.SELU, nn.SiLU, nn.Sigmoid, nn.Softplus, nn.Softshrink, nn.Softsign, nn.Tanh,
        nn.Tanhshrink,
    )],
    (nn.PReLU, (4,), {}, clear((2, 4))),
    (nn.GELU, ("tanh",), {}, normal((2, 4))),
    (nn.Threshold, (0.2, -3.0), {}, clear((2, 4))),
    *[(cls, (1,), {}, normal((2, 4))) for cls in (nn.Softmax, nn.LogSoftmax, nn.Softmin)],
    (nn.Softmax2d, (), {}, normal((2, 3, 1, 2))),
    *[(cls, (0.4,), {}, normal((2, 3))) for cls in (nn.Dropout, nn.AlphaDropout)],
    *[(cls, (0.4,), {}, normal((2, 3, *[2] * n))) for cls, n in (
        (nn.Dropout1d, 1), (nn.Dropout2d, 2), (nn.Dropout3d, 3), (nn.FeatureAlphaDropout, 1),
    )],
    # recurrent layers
    (nn.RNN, (2, 2), {}, normal((3, 2, 2))),
    (nn.RNN, (2, 2), {"bidirectional": True, "bias": False}, normal((2, 1, 2), (2, 1, 2))),
    (nn.LSTM, (2, 2), {"num_layers": 2, "dropout": 0.3}, normal((2, 2, 2))),
    (nn.LSTM, (2, 3), {"bidirectional": True, "batch_first": True, "proj_size": 1}, normal((1, 2, 2))),
    (nn.GRU, (2, 2), {"batch_first": True}, normal((2, 3, 2))),
    (nn.GRU, (2, 2), {"bidirectional": True}, normal((2, 2))),
    (nn.RNNCell, (2, 2), {}, normal((2, 2), (2, 2))),
    (nn.LSTMCell, (2, 2), {}, normal((2, 2))),
    (nn.GRUCell, (2, 2), {"bias": False}, normal((2,), (2,))),
    # attention
    (nn.MultiheadAttention, (4, 2), {"add_bias_kv": True, "add_zero_attn": True}, normal((2, 2, 4), (3, 2, 4), (3, 2, 4))),
    (nn.MultiheadAttention, (4, 2), {"kdim": 3, "vdim": 2, "batch_first": True, "bias": False}, normal((1, 2, 4), (1, 3, 3), (1, 3, 2))),
    (nn.TransformerEncoderLayer, (2, 1, 3), {"activation": "gelu", "dropout": 0.2}, normal((3, 2, 2))),
    (nn.TransformerDecoderLayer, (2, 1, 3), {"activation": "gelu", "norm_first": True, "dropout": 0.0}, normal((2, 1, 2), (3, 1, 2))),
    (nn.TransformerEncoder, (nn.TransformerEncoderLayer(2, 1, 2, 0.0, "gelu"), 2), {}, normal((2, 1, 2))),
    (nn.TransformerDecoder, (nn.TransformerDecoderLayer(2, 1, 2, 0.0, "gelu"), 1, nn.LayerNorm(2)), {}, normal((2, 1, 2), (2, 1, 2))),
    (nn.Transformer, (2, 1, 1, 1, 2, 0.0, "gelu"), {}, normal((2, 1, 2), (2, 1, 2))),
    # distances and losses
    (nn.CosineSimilarity, (), {}, normal((2, 3), (2, 3))),
    (nn.PairwiseDistance, (3.0,), {}, clear((2, 3), (2, 3))),
    (nn.CrossEntropyLoss, (), {}, both(normal((4, 3)), integers(3, 4))),
    (nn.CrossEntropyLoss, (WEIGHT,), {"ignore_index": 1, "label_smoothing": 0.2}, both(normal((2, 3, 2)), integers(3, 2, 2))),
    (nn.CrossEntropyLoss, (WEIGHT,), {"reduction": "none"}, both(normal((2, 3)), unit((2, 3)))),
    (nn.NLLLoss, (WEIGHT,), {}, both(normal((4, 3)), integers(3, 4))),
    (nn.CTCLoss, (2,), {}, both(normal((4, 2, 3)), lambda rng: (np.array([[0, 0], [1, 2]]), np.array([4, 3]), np.array([2, 1])))),
    (nn.CTCLoss, (), {"reduction": "none"}, both(normal((3, 2, 3)), lambda rng: (np.array([2, 1, 2]), np.array([3, 2]), np.array([3, 0])))),
    (nn.BCELoss, (), {}, unit((2, 3), (2, 3))),
    (nn.BCEWithLogitsLoss, (), {"pos_weight": WEIGHT, "reduction": "sum"}, both(normal((2, 3)), unit((2, 3)))),
    *[(cls, (), {}, clear((2, 3), (2, 3))) for cls in (nn.MSELoss, nn.L1Loss, nn.HuberLoss, nn.SmoothL1Loss)],
    (nn.SmoothL1Loss, (), {"beta": 0.3, "reduction": "none"}, clear((2, 3), (2, 3))),
    (nn.HuberLoss, ("sum", 0.7), {}, clear((2, 3), (2, 3))),
    (nn.KLDivLoss, (), {"reduction": "batchmean"}, both(normal((2, 3)), unit((2, 3)))),
    (nn.KLDivLoss, (), {"log_target": True}, normal((2, 3), (2, 3))),
    (nn.PoissonNLLLoss, (), {}, both(normal((2, 3)), positive((2, 3)))),
    (nn.PoissonNLLLoss, (False, True), {}, lambda rng: (rng.uniform(0.5, 2, (2, 2)), np.array([[0.3, 1.7], [2.5, 0.6]]))),
    (nn.GaussianNLLLoss, (), {"full": True}, both(normal((2, 3), (2, 3)), positive((2, 1)))),
    (nn.HingeEmbeddingLoss, (0.5,), {}, both(clear((2, 4)), signs(2, 4))),
    (nn.SoftMarginLoss, (), {}, both(normal((2, 4)), signs(2, 4))),
    (nn.MultiMarginLoss, (2, 0.7, WEIGHT), {}, both(clear((4, 3)), integers(3, 4))),
    (nn.MultiLabelMarginLoss, (), {}, both(spaced((2, 3)), lambda rng: (np.array([[2, 0, -1], [1, -1, 0]]),))),
    (nn.MultiLabelSoftMarginLoss, (WEIGHT,), {}, both(normal((2, 3)), unit((2, 3)))),
    (nn.MarginRankingLoss, (0.4,), {}, both(clear((4,), (4,)), signs(4))),
    (nn.CosineEmbeddingLoss, (-0.9,), {}, both(normal((4, 3), (4, 3)), signs(4))),
    (nn.TripletMarginLoss, (5.0, 3.0), {}, clear((2, 3), (2, 3), (2, 3))),
    (nn.TripletMarginWithDistanceLoss, (), {"margin": 5.0, "swap": True}, clear((2, 3), (2, 3), (2, 3))),
]  # fmt: skip


def samples_of(cls: type, rng: np.random.Generator) -> Iterator[ModuleSample]:
    """Yield the samples of one class."""
    for kind, setup, settings, draw in TABLE:
        if kind is cls:
            yield ModuleSample(cls, setup, draw(rng), **settings)


#: by name of the class in minigrad.nn
LAYERS = {cls.__name__: partial(samples_of, cls) for cls, *_ in TABLE}
