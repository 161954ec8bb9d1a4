"""Convolution, pooling, normalization and recurrent sequences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from minigrad import creation, ops
from minigrad.export.operators.values import Numbers, refuse_unless, sized
from minigrad.nn import functional as F

Operator = Callable[..., Any]
Ints = Sequence[int]


def windows(
    size: Ints, kernel: Ints, strides: Ints | None, pads: Ints | None, dilations: Ints | None, auto_pad: str
) -> tuple[tuple[int, ...], list[tuple[int, int]], tuple[int, ...]]:
    """Return strides, padding in pairs and dilations, one for each spatial axis."""
    n = len(kernel)
    steps, apart = tuple(strides or [1] * n), tuple(dilations or [1] * n)
    if auto_pad in ("NOTSET", ""):
        edges = list(pads or [0] * (2 * n))
        pairs = list(zip(edges[:n], edges[n:], strict=True))
        sized([length + before + after for length, (before, after) in zip(size, pairs, strict=True)])
        return steps, pairs, apart
    if auto_pad == "VALID":
        return steps, [(0, 0)] * n, apart
    spare = [
        max((math.ceil(length / s) - 1) * s + d * (k - 1) + 1 - length, 0)
        for length, k, s, d in zip(size, kernel, steps, apart, strict=True)
    ]
    return steps, [halves(total, auto_pad) for total in spare], apart


def halves(total: int, auto_pad: str) -> tuple[int, int]:
    """Padding at both ends; the odd element comes after with SAME_UPPER, before with SAME_LOWER."""
    return (total // 2, total - total // 2) if auto_pad == "SAME_UPPER" else (total - total // 2, total // 2)


def convolution(
    x: Any, weight: Any, bias: Any = None, *,
    auto_pad: str = "NOTSET", dilations: Ints | None = None, group: int = 1, kernel_shape: Ints | None = None, pads: Ints | None = None,
    strides: Ints | None = None,
) -> Any:  # fmt: skip
    """Conv, whose layout is the same."""
    steps, pairs, apart = windows(x.shape[2:], weight.shape[2:], strides, pads, dilations, auto_pad)
    return ops.convolution(x, weight, bias, stride=steps, padding=tuple(pairs), dilation=apart, groups=group)


def conv_transpose(
    x: Any, weight: Any, bias: Any = None, *,
    auto_pad: str = "NOTSET", dilations: Ints | None = None, group: int = 1, kernel_shape: Ints | None = None,
    output_padding: Ints | None = None, output_shape: Ints | None = None, pads: Ints | None = None, strides: Ints | None = None,
) -> Any:  # fmt: skip
    """ConvTranspose, whose layout is the same; where the shape of the output is given, the padding follows from it."""
    size, kernel = x.shape[2:], weight.shape[2:]
    steps, pairs, apart = windows(size, kernel, strides, pads, dilations, "NOTSET" if auto_pad != "VALID" else "VALID")
    extra = tuple(output_padding or [0] * len(kernel))
    whole = sized([s * (n - 1) + e + d * (k - 1) + 1 for n, k, s, d, e in zip(size, kernel, steps, apart, extra, strict=True)])
    if output_shape or auto_pad.startswith("SAME"):
        wanted = output_shape or [n * s for n, s in zip(size, steps, strict=True)]
        pairs = [halves(max(a - b, 0), auto_pad) for a, b in zip(whole, wanted, strict=True)]
        extra = tuple([e + max(b - a, 0) for e, a, b in zip(extra, whole, wanted, strict=True)])  # what is missing comes at the end
    settings = {"stride": steps, "padding": tuple(pairs), "output_padding": extra, "groups": group, "dilation": apart}
    return ops.conv_transpose(x, weight, bias, **settings)


# ----------------------------------------------------------------------------------------------------------- pooling


def around(x: Any, pairs: list[tuple[int, int]], value: float) -> Any:
    """Pad the spatial axes."""
    return ops.pad(x, pad_width=((0, 0), (0, 0), *pairs), mode="constant", value=value)


def max_pool(
    x: Any, *, auto_pad: str = "NOTSET", ceil_mode: int = 0, dilations: Ints | None = None, kernel_shape: Ints, pads: Ints | None = None,
    storage_order: int = 0, strides: Ints | None = None,
) -> Any:  # fmt: skip
    """MaxPool, without the positions; padding that differs at both ends is put around first."""
    steps, pairs, apart = windows(x.shape[2:], kernel_shape, strides, pads, dilations, auto_pad)
    settings: dict[str, Any] = {"kernel_size": tuple(kernel_shape), "stride": steps, "dilation": apart, "ceil_mode": bool(ceil_mode)}
    if all(a == b for a, b in pairs):
        return ops.max_pool(x, padding=tuple([a for a, _ in pairs]), **settings)[0]
    refuse_unless(not ceil_mode, "ceil_mode beside padding that differs at both ends")
    return ops.max_pool(around(x, pairs, -math.inf), **settings)[0]


def avg_pool(
    x: Any, *, auto_pad: str = "NOTSET", ceil_mode: int = 0, count_include_pad: int = 0, dilations: Ints | None = None,
    kernel_shape: Ints, pads: Ints | None = None, strides: Ints | None = None,
) -> Any:  # fmt: skip
    """AveragePool; padding that differs at both ends is put around first, and taken out of the count by pooling ones."""
    steps, pairs, apart = windows(x.shape[2:], kernel_shape, strides, pads, dilations, auto_pad)
    refuse_unless(all(d == 1 for d in apart), "dilations")
    refuse_unless(not (ceil_mode and count_include_pad), "ceil_mode that counts padding (runtimes read that in more than one way)")
    settings: dict[str, Any] = {"kernel_size": tuple(kernel_shape), "stride": steps, "ceil_mode": bool(ceil_mode)}
    if all(a == b for a, b in pairs):
        return ops.avg_pool(x, padding=tuple([a for a, _ in pairs]), count_include_pad=bool(count_include_pad), **settings)
    refuse_unless(not ceil_mode, "ceil_mode beside padding that differs at both ends")
    pooled = ops.avg_pool(around(x, pairs, 0), **settings)
    counted = 1 if count_include_pad else ops.avg_pool(around(creation.ones_like(x), pairs, 0), **settings)
    return pooled / counted


def over_space(function: Operator) -> Operator:
    """Pool each channel to one number."""
    return lambda x: function(x, axis=tuple(range(2, x.ndim)), keepdims=True)


# ----------------------------------------------------------------------------------------------------- normalization


def batch_normalization(
    x: Any, scale: Any, b: Any, mean: Any, var: Any, *, epsilon: float = 1e-5, momentum: float = 0.9, training_mode: int = 0, training: bool
) -> Any:
    """With the statistics of the file in evaluation; in training with those of the batch, towards which the former move."""
    return F.batch_norm(x, mean, var, scale, b, training, 1 - momentum, epsilon)


def layer_normalization(
    x: Any, scale: Any, b: Any = None, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> tuple[Any, Any, Any]:
    """Over the last axes; with mean and 1 / standard deviation."""
    features = tuple(range(axis % x.ndim, x.ndim))
    whole = all(v is None or v.shape == x.shape[features[0] :] for v in (scale, b))
    y, mean, var = ops.layer_norm(x, *((scale, b) if whole else ()), axis=features, eps=epsilon)
    if not whole:
        y = scale * y if b is None else scale * y + b
    return y, ops.expand_dims(mean, axis=features), ops.expand_dims(1 / ops.sqrt(var + epsilon), axis=features)


def rms_normalization(x: Any, scale: Any, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1) -> Any:
    """Over the last axes."""
    return scale * ops.rms_norm(x, axis=tuple(range(axis % x.ndim, x.ndim)), eps=epsilon)[0]


def instance_normalization(x: Any, scale: Any, b: Any, *, epsilon: float = 1e-5) -> Any:
    """Each channel of each item."""
    return ops.instance_norm(x, scale, b, eps=epsilon)[0]


def group_normalization(x: Any, scale: Any, bias: Any, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1) -> Any:
    """Groups of channels."""
    return ops.group_norm(x, scale, bias, groups=num_groups, eps=epsilon)[0]


def local_response(x: Any, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> Any:
    """Over neighbouring channels."""
    refuse_unless(size % 2 == 1, "a window of even size (runtimes read that in more than one way)")
    return ops.local_response_norm(x, size=size, alpha=alpha, beta=beta, k=bias)[0]


def dropout(x: Any, ratio: Numbers | None = None, training_mode: Numbers | None = None, *, seed: int | None = None, training: bool) -> Any:
    """In training alone."""
    return F.dropout(x, 0.5 if ratio is None else ratio, training)


# --------------------------------------------------------------------------------------------- recurrent sequences

#: operator -> order of its gates in minigrad, and the activations that are meant where none are named
GATES = {"LSTM": ([0, 2, 3, 1], ["Sigmoid", "Tanh", "Tanh"]), "GRU": ([1, 0, 2], ["Sigmoid", "Tanh"]), "RNN": ([0], ["Tanh"])}


def recurrent(kind: str) -> Operator:
    """LSTM, GRU or RNN: one direction after the other."""
    order, usual = GATES[kind]

    def run(
        x: Any, w: Any, r: Any, b: Any = None, sequence_lens: Any = None, initial_h: Any = None, initial_c: Any = None, p: Any = None, *,
        hidden_size: int | None = None, direction: str = "forward", activations: Sequence[str] | None = None, linear_before_reset: int = 0,
        layout: int = 0, clip: float | None = None, activation_alpha: Any = None, activation_beta: Any = None, input_forget: int = 0,
    ) -> tuple[Any, ...]:  # fmt: skip
        turns = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]
        named = list(activations or usual * len(turns))
        plain_relu = kind == "RNN" and named == ["Relu"] * len(turns)
        refuse_unless(named == usual * len(turns) or plain_relu, f"the activations {named}")
        refuse_unless(
            sequence_lens is None and p is None and clip is None and not input_forget, "sequence_lens, peepholes, clip or input_forget"
        )
        refuse_unless(not layout, "layout=1 (transpose the input)")
        refuse_unless(kind != "GRU" or bool(linear_before_reset), "linear_before_reset=0 (the reset gate before the product)")
        hidden = r.shape[-1]
        zeros = creation.zeros((x.shape[1], hidden), dtype=x.dtype, device=x.device)
        ways = []
        for k, backward in enumerate(turns):
            of_x, of_h = (None, None) if b is None else (in_order(v, order, hidden) for v in (b[k, : w.shape[1]], b[k, w.shape[1] :]))
            steps = ops.flip(x, axis=0) if backward else x
            state = [zeros if v is None else v[k] for v in (initial_h, initial_c)]
            found = step_through(
                kind, steps, (in_order(w[k], order, hidden), of_x), (in_order(r[k], order, hidden), of_h), state, plain_relu
            )
            ways.append([ops.flip(found[0], axis=0) if backward else found[0], *[v[-1] for v in found]])
        h, *last = zip(*ways, strict=True)
        return ops.stack(h, axis=1), *[ops.stack(v, axis=0) for v in last]

    return run


def in_order(v: Any, order: list[int], hidden: int) -> Any:
    """Return the rows of all gates with the gates in minigrad's order."""
    return ops.concat([v[k * hidden : (k + 1) * hidden] for k in order], axis=0)


def step_through(kind: str, x: Any, w: Any, r: Any, state: list[Any], plain_relu: bool) -> list[Any]:
    """Return the states of all steps in one direction: those of h, and for an LSTM those of its cell."""
    (weight, of_x), (recurrence, of_h) = w, r
    if kind == "GRU":
        return [ops.gru(ops.linear(x, weight, of_x), state[0], recurrence, of_h)[0]]
    bias = None if of_x is None else of_x + of_h
    if kind == "LSTM":
        return list(ops.lstm(ops.linear(x, weight, bias), *state, recurrence)[:2])
    return [ops.rnn(ops.linear(x, weight, bias), state[0], recurrence, nonlinearity="relu" if plain_relu else "tanh")]


ROWS: dict[str, Operator] = {
    "Conv": convolution,
    "ConvTranspose": conv_transpose,
    "MaxPool": max_pool,
    "AveragePool": avg_pool,
    "GlobalAveragePool": over_space(ops.mean),
    "GlobalMaxPool": over_space(ops.max),
    "BatchNormalization": batch_normalization,
    "LayerNormalization": layer_normalization,
    "RMSNormalization": rms_normalization,
    "InstanceNormalization": instance_normalization,
    "GroupNormalization": group_normalization,
    "LRN": local_response,
    "Dropout": dropout,
    **{kind: recurrent(kind) for kind in GATES},
}
