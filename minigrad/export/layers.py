"""Convolution, pooling, normalization and recurrent sequences in ONNX's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.export.graph import ExportError, Graph, Value, fixed
from minigrad.export.reductions import axes_of
from minigrad.export.shapes import part, reshape
from minigrad.ops.windows import adaptive_bounds, geometry, pool_geometry

Converter = Callable[..., Any]


def pads(pairs: Any) -> list[int]:
    """Return ONNX's order of paddings: all before, then all after."""
    if any(n < 0 for pair in pairs for n in pair):
        raise ExportError(f"its padding is {pairs}, and ONNX has none that cuts off")
    return [before for before, _ in pairs] + [after for _, after in pairs]


def convolution(
    g: Graph, x: Value, weight: Value, bias: Value | None = None, *, stride: Any, padding: Any, dilation: Any, groups: int
) -> Value:
    """Conv, whose layout is the same."""
    kernel = weight.shape[2:]
    stride, pairs, dilation = geometry(kernel, stride, padding, dilation)
    settings = {"kernel_shape": kernel, "strides": stride, "pads": pads(pairs), "dilations": dilation, "group": groups}
    return g.Conv(x, weight, bias, **settings)


def conv_transpose(
    g: Graph, x: Value, weight: Value, bias: Value | None = None, *,
    stride: Any, padding: Any, output_padding: Any, groups: int, dilation: Any,
) -> Value:  # fmt: skip
    """ConvTranspose, whose layout is the same."""
    kernel = weight.shape[2:]
    extra = [output_padding] * len(kernel) if isinstance(output_padding, int) else list(output_padding)
    stride, pairs, dilation = geometry(kernel, stride, padding, dilation)
    if any(e >= s for e, s in zip(extra, stride, strict=True)):
        raise ExportError(f"output_padding is {extra}, and runtimes want it smaller than the stride {list(stride)}")
    settings = {"kernel_shape": kernel, "strides": stride, "pads": pads(pairs), "dilations": dilation, "group": groups}
    return g.ConvTranspose(x, weight, bias, output_padding=extra, **settings)


# ----------------------------------------------------------------------------------------------------------- pooling


def max_pool(g: Graph, x: Value, *, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> tuple[Value, Value]:
    """MaxPool; positions are counted otherwise in ONNX, and are not exported."""
    kernel, stride, pairs, dilation, _ = pool_geometry("max_pool", x, kernel_size, stride, padding, dilation, ceil_mode)
    y = g.MaxPool(x, kernel_shape=kernel, strides=stride, pads=pads(pairs), dilations=dilation)
    return y, Value(g, None, np.int64, missing="positions of the largest elements as max_pool counts them")


def avg_pool(
    g: Graph, x: Value, *,
    kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool, divisor_override: int | None,
) -> Value:  # fmt: skip
    """AveragePool; a divisor of one's own is the mean times the number of elements over it."""
    if ceil_mode:
        raise ExportError("it has ceil_mode=True, which runtimes read in more than one way; pad the input instead")
    kernel, stride, pairs, _, _ = pool_geometry("avg_pool", x, kernel_size, stride, padding, 1, ceil_mode)
    counted = count_include_pad or divisor_override is not None
    y: Value = g.AveragePool(x, kernel_shape=kernel, strides=stride, pads=pads(pairs), count_include_pad=int(counted))
    return y if divisor_override is None else y * (float(np.prod(kernel)) / divisor_override)


def adaptive(op_type: str) -> Converter:
    """The windows are boxes: along one axis after the other, each is cut out and reduced, and all are joined."""

    def convert(g: Graph, x: Value, *, output_size: Any) -> Value:
        for axis, windows in enumerate(adaptive_bounds("adaptive pooling", x.shape, output_size), start=2):
            pieces = [g.node(op_type, part(g, x, axis, start, stop), [axis], keepdims=1) for start, stop in windows]
            shape = x.shape
            x = g.Concat(*pieces, axis=axis)
            x.shape = (*shape[:axis], len(pieces), *shape[axis + 1 :])
        return x

    return convert


def adaptive_max_pool(g: Graph, x: Value, *, output_size: Any) -> tuple[Value, Value]:
    """Without the positions."""
    y = adaptive("ReduceMax")(g, x, output_size=output_size)
    return y, Value(g, None, np.int64, missing="positions of the largest elements of adaptive_max_pool")


# ----------------------------------------------------------------------------------------------------- normalization


def beside(g: Graph, v: Value, x: Value, axes: list[int]) -> Value:
    """Give a value of the shape of x without ``axes`` these axes back, so that it broadcasts."""
    return g.Unsqueeze(v, axes) if axes else v


def scaled(g: Graph, y: Value, x: Value, weight: Value | None, bias: Value | None, axes: list[int]) -> Value:
    """weight y + bias"""
    y = y if weight is None else y * beside(g, weight, x, axes)
    return y if bias is None else y + beside(g, bias, x, axes)


def standardized(g: Graph, x: Value, axes: list[int], eps: float) -> tuple[Value, Value, Value]:
    """Return (x - mean) / sqrt(var + eps), and mean and variance over the axes."""
    centred = x - g.ReduceMean(x, axes, keepdims=1)
    mean, var = g.ReduceMean(x, axes, keepdims=0), g.ReduceMean(centred * centred, axes, keepdims=1)
    return centred / g.Sqrt(var + eps), mean, g.Squeeze(var, axes)


def fixed_batch_norm(
    g: Graph, x: Value, mean: Value, var: Value, weight: Value | None = None, bias: Value | None = None, *, axis: Any, eps: float
) -> Value:
    """BatchNormalization where the channels are axis 1, else the formula."""
    axes = sorted(a % x.ndim for a in axes_of(x, axis))
    if x.ndim < 2 or axes != [0, *range(2, x.ndim)]:
        y = (x - beside(g, mean, x, axes)) / g.Sqrt(beside(g, var, x, axes) + eps)
        return scaled(g, y, x, weight, bias, axes)
    channels = fixed(x.shape[1], "the number of channels")
    scale = weight if weight is not None else g.constant(np.ones(channels, x.dtype))
    shift = bias if bias is not None else g.constant(np.zeros(channels, x.dtype))
    return g.BatchNormalization(x, scale, shift, mean, var, epsilon=eps)


def batch_norm(
    g: Graph, x: Value, weight: Value | None = None, bias: Value | None = None, *, axis: Any, eps: float
) -> tuple[Value, Value, Value]:
    """With the statistics of the batch itself, as a layer without running statistics does also in evaluation."""
    axes = sorted(a % x.ndim for a in axes_of(x, axis))
    y, mean, var = standardized(g, x, axes, eps)
    return scaled(g, y, x, weight, bias, axes), mean, var


def batch_norm_relu(g: Graph, *inputs: Any, **params: Any) -> tuple[Value, Value, Value]:
    """Both."""
    y, mean, var = batch_norm(g, *inputs, **params)
    return g.Relu(y), mean, var


def layer_norm(
    g: Graph, x: Value, weight: Value | None = None, bias: Value | None = None, *, axis: Any, eps: float
) -> tuple[Value, Value, Value]:
    """LayerNormalization where the features are the last axes, else the formula."""
    axes = sorted(a % x.ndim for a in axes_of(x, axis))
    y, mean, var = standardized(g, x, axes, eps)
    if axes == list(range(axes[0], x.ndim)):
        features = [fixed(x.shape[a], "the number of features") for a in axes]
        scale = weight if weight is not None else g.constant(np.ones(features, x.dtype))
        return g.LayerNormalization(x, scale, bias, axis=axes[0], epsilon=eps), mean, var
    return scaled(g, y, x, weight, bias, [a for a in range(x.ndim) if a not in axes]), mean, var


def rms_norm(g: Graph, x: Value, weight: Value | None = None, *, axis: Any, eps: float) -> tuple[Value, Value]:
    """x / sqrt(mean of x^2 + eps); ONNX has a node for it from opset 23."""
    axes = sorted(a % x.ndim for a in axes_of(x, axis))
    square = g.ReduceMean(x * x, axes, keepdims=1)
    y = x / g.Sqrt(square + eps)
    return scaled(g, y, x, weight, None, [a for a in range(x.ndim) if a not in axes]), g.Squeeze(square, axes)


def instance_norm(g: Graph, x: Value, weight: Value | None = None, bias: Value | None = None, *, eps: float) -> tuple[Value, Value, Value]:
    """InstanceNormalization."""
    axes = list(range(2, x.ndim))
    channels = fixed(x.shape[1], "the number of channels")
    scale = weight if weight is not None else g.constant(np.ones(channels, x.dtype))
    shift = bias if bias is not None else g.constant(np.zeros(channels, x.dtype))
    _, mean, var = standardized(g, x, axes, eps)
    return g.InstanceNormalization(x, scale, shift, epsilon=eps), mean, var


def group_norm(
    g: Graph, x: Value, weight: Value | None = None, bias: Value | None = None, *, groups: int, eps: float
) -> tuple[Value, Value, Value]:
    """Each group standardized as one row; GroupNormalization of opset 18 scales groups, not channels, and was withdrawn."""
    rows = reshape(g, x, shape=(x.shape[0], groups, int(np.prod(x.shape[1:])) // groups))
    y, mean, var = standardized(g, rows, [2], eps)
    y = reshape(g, y, shape=x.shape)
    return scaled(g, y, x, weight, bias, list(range(1, x.ndim - 1))), mean, var


def moving_sum(g: Graph, x: Value, *, axis: int, before: int, after: int) -> Value:
    """Sums of neighbours: x moved along the axis, added up."""
    axis %= x.ndim
    widths = [0] * (2 * x.ndim)
    widths[axis], widths[axis + x.ndim] = before, after
    length = fixed(x.shape[axis], "the length of the axis of a moving sum")
    wide = g.Pad(x, widths, 0, mode="constant")
    pieces = [part(g, wide, axis, i, i + length) for i in range(before + after + 1)]
    return g.Sum(*pieces) if len(pieces) > 1 else pieces[0]


def local_response_norm(g: Graph, x: Value, *, size: int, alpha: float, beta: float, k: float, axis: int) -> tuple[Value, Value]:
    """By its formula: LRN divides even windows otherwise, and runtimes have it for pictures alone."""
    square = x * x
    square.shape = x.shape
    scale = k + (alpha / size) * moving_sum(g, square, axis=axis, before=size // 2, after=(size - 1) // 2)
    return x * scale ** (-beta), scale


# --------------------------------------------------------------------------------------------- recurrent sequences


def recurrence(g: Graph, x: Value, w: Value, b: Value | None, order: list[int], hidden: int) -> tuple[Any, ...]:
    """Return what a recurrent node takes: the input, its weight, the weight of the state, and the bias of both.

    minigrad's ops get what the inputs contribute, computed for all steps at once by ``linear``; ONNX computes it itself, so that
    product is taken back. Where there is none, the weight is an identity.
    """
    rows = np.concatenate([np.arange(k * hidden, (k + 1) * hidden) for k in order])
    inputs, weight, bias = g.products.get(x.used, (x, None, None))
    if weight is None:
        weight = g.constant(np.eye(len(rows), dtype=x.dtype))

    def sorted_rows(v: Value) -> Value:
        return g.Gather(v, g.constant(rows), axis=0)

    none = g.constant(np.zeros(len(rows), x.dtype))
    biases = g.Concat(*[none if v is None else sorted_rows(v) for v in (bias, b)], axis=0)
    return inputs, g.Unsqueeze(sorted_rows(weight), [0]), g.Unsqueeze(sorted_rows(w), [0]), g.Unsqueeze(biases, [0]), None


def lstm(g: Graph, x: Value, h0: Value, c0: Value, w: Value, w_proj: Value | None = None) -> tuple[Value, Value, Value]:
    """LSTM; gates in the order i, o, f, u. Of the cell's states ONNX gives the last one."""
    if w_proj is not None:
        raise ExportError("it has a projection (proj_size), which ONNX's LSTM has not")
    hidden = int(c0.shape[-1])
    states = g.Unsqueeze(h0, [0]), g.Unsqueeze(c0, [0])
    h, _, c = g.LSTM(*recurrence(g, x, w, None, [0, 3, 1, 2], hidden), *states, hidden_size=hidden, outputs=3)
    cells = Value(g, None, x.dtype, x.shape, "states of an LSTM's cell but the last")
    cells.last = g.Squeeze(c, [0])
    assert cells.last is not None
    cells.last.shape = c0.shape
    return g.Squeeze(h, [1]), cells, Value(g, None, x.dtype, missing="gates of an LSTM")


def gru(g: Graph, x: Value, h0: Value, w: Value, b: Value | None = None) -> tuple[Value, Value, Value]:
    """GRU with the reset gate after the product; gates in the order z, r, n."""
    hidden = int(h0.shape[-1])
    parts = recurrence(g, x, w, b, [1, 0, 2], hidden)
    h = g.GRU(*parts, g.Unsqueeze(h0, [0]), hidden_size=hidden, linear_before_reset=1)
    return g.Squeeze(h, [1]), *[Value(g, None, x.dtype, missing="gates of a GRU") for _ in range(2)]


def rnn(g: Graph, x: Value, h0: Value, w: Value, *, nonlinearity: str) -> Value:
    """RNN."""
    hidden = int(h0.shape[-1])
    parts = recurrence(g, x, w, None, [0], hidden)
    activations = ["Tanh" if nonlinearity == "tanh" else "Relu"]
    return g.Squeeze(g.RNN(*parts, g.Unsqueeze(h0, [0]), hidden_size=hidden, activations=activations), [1])


ROWS: dict[str, Converter] = {
    "convolution": convolution,
    "conv_transpose": conv_transpose,
    "max_pool": max_pool,
    "avg_pool": avg_pool,
    "adaptive_avg_pool": adaptive("ReduceMean"),
    "adaptive_max_pool": adaptive_max_pool,
    "fixed_batch_norm": fixed_batch_norm,
    "batch_norm": batch_norm,
    "batch_norm_relu": batch_norm_relu,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "instance_norm": instance_norm,
    "group_norm": group_norm,
    "moving_sum": moving_sum,
    "local_response_norm": local_response_norm,
    "lstm": lstm,
    "gru": gru,
    "rnn": rnn,
}
