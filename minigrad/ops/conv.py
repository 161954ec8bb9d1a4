"""Convolution (in the sense of deep learning: correlation), and its transpose.

In ``convolution(x, weight)`` the result is linear in each of two arrays, and so are the gradients. Three ops close the
circle, each the derivative of the others:

=============================================  =======================================================================
``convolution(x, weight)``                     windows of x times weight
``conv_transpose(y, weight)``                  the gradient of a convolution with respect to x
``convolution_weight_grad(x, dy)``             the gradient of a convolution with respect to weight
=============================================  =======================================================================

The layouts are PyTorch's: x (batch, in, *spatial), weight (out, in / groups, *kernel), for any number of spatial axes.
Each op is written as a matrix product with the windows as columns (im2col): the op `matmul`, also of plain arrays, as a
GPU has a form of it that can be captured.
"""

from __future__ import annotations

from math import prod

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.linalg import matmul
from minigrad.ops.windows import Ints, Padding, Pairs, PerAxis, add_patches, by_axes, columns_of, count, geometry, padded, per_axis, reach

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "convolution",
    "convolution_weight_grad",
]


def check_operands(name: str, x: Array, weight: Array, groups: int, channels: int, expected: str, bias: Array, out: int) -> None:
    """Raise a ValueError unless the shapes of the operands fit; ``channels`` is what the weight wants of x."""
    shapes = f"{name}: x has shape {x.shape} and weight {weight.shape}"
    if weight.ndim < 3 or x.ndim != weight.ndim:
        raise ValueError(f"{shapes}; expected (batch, in, *spatial) and {expected}, with equally many spatial axes")
    if groups < 1 or weight.shape[0] % groups:
        raise ValueError(f"{shapes}; the {weight.shape[0]} channels along its first axis do not divide into {groups} groups")
    if x.shape[1] != channels:
        raise ValueError(f"{shapes}; with {groups} groups this weight {expected} needs {channels} channels in x, which has {x.shape[1]}")
    if bias is not None and bias.shape != (out,):
        raise ValueError(f"{name}: bias has shape {bias.shape}; expected ({out},), one for each output channel")


def _with_bias(y: Array, bias: Array) -> Array:
    return y if bias is None else y + bias.reshape((-1, *[1] * (y.ndim - 2)))


# ----------------------------------------------------------------------------------------------------- the three ops


@op
def convolution(
    xp: Namespace,
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Array:
    """Slide a kernel over the spatial axes: ``y[n, o, i] = bias[o] + sum_{c, k} x[n, c, stride i + dilation k - padding] weight[o, c, k]``.

    Parameters
    ----------
    x
        (batch, in, *spatial)
    weight
        (out, in / groups, *kernel)
    bias
        (out,), or None
    stride, padding, dilation
        An integer, or one for each spatial axis. ``padding`` (with zeros) may also be ``"valid"``, ``"same"``, or a pair
        (before, after) for each axis.
    groups
        Output channels of group g see only the input channels of group g.

    Raises
    ------
    ValueError
        If the shapes do not fit, the kernel is larger than the padded input, or a parameter is out of range.
    """
    check_operands("convolution", x, weight, groups, weight.shape[1] * groups, "(out, in / groups, *kernel)", bias, weight.shape[0])
    kernel = weight.shape[2:]
    stride, pairs, dilation = geometry(kernel, stride, padding, dilation)
    windows = count(x.shape[2:], kernel, stride, dilation, pairs)
    y = matmul(_by_group(weight, groups), columns_of(xp, x, kernel, stride, pairs, dilation, groups))
    return _with_bias(y.reshape((x.shape[0], weight.shape[0], *windows)), bias)


@op
def conv_transpose(
    xp: Namespace,
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
) -> Array:
    """Spread each element over a window: ``y[n, o, stride i + dilation k - padding] += x[n, c, i] weight[c, o, k]``, plus bias.

    The transpose of the linear map x -> ``convolution(x, weight)``: its gradient with respect to x. The result is
    ``stride (n - 1) + dilation (k - 1) + 1 - 2 padding + output_padding`` long.

    Parameters
    ----------
    x
        (batch, in, *spatial)
    weight
        (in, out / groups, *kernel)
    bias
        (out,), or None
    stride, padding, dilation, groups
        Those of the convolution that this is the transpose of.
    output_padding
        Length to add at the end: a convolution with stride s takes s different lengths to the same one, and this tells
        them apart.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a parameter is out of range.
    """
    out = weight.shape[1] * groups if weight.ndim > 1 else 0
    check_operands("conv_transpose", x, weight, groups, weight.shape[0], "(in, out / groups, *kernel)", bias, out)
    kernel = weight.shape[2:]
    stride, pairs, dilation = geometry(kernel, stride, cut(padding, output_padding, kernel, stride, dilation), dilation)
    rows = x.reshape((x.shape[0], groups, x.shape[1] // groups, prod(x.shape[2:])))
    columns = matmul(_by_group(weight, groups).swapaxes(1, 2), rows).reshape((x.shape[0], out, *kernel, *x.shape[2:]))
    needed = reach(kernel, dilation)
    size = tuple(s * (n - 1) + r for s, n, r in zip(stride, x.shape[2:], needed, strict=True))
    if any(n <= lo + hi for n, (lo, hi) in zip(size, pairs, strict=True)):
        raise ValueError(f"conv_transpose: padding {padding} leaves nothing of a result that is {size} without it")
    y = add_patches(xp, columns, size, stride, dilation)
    return _with_bias(padded(xp, y, tuple((-lo, -hi) for lo, hi in pairs)), bias)


@op
def convolution_weight_grad(
    xp: Namespace,
    x: Array,
    dy: Array,
    *,
    kernel_size: Ints,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Array:
    """Gradient of a convolution for its weight: ``dw[o, c, k] = sum_{n, i} dy[n, o, i] x[n, c, stride i + dilation k - padding]``.

    Parameters
    ----------
    x
        (batch, in, *spatial)
    dy
        (batch, out, *windows): the cotangent of the result
    kernel_size, stride, padding, dilation, groups
        Those of the convolution.

    Returns
    -------
    array
        (out, in / groups, *kernel_size)

    Raises
    ------
    ValueError
        If dy has not the shape of the result of that convolution, or a parameter is out of range.
    """
    stride, pairs, dilation = geometry(kernel_size, stride, padding, dilation)
    windows = count(x.shape[2:], kernel_size, stride, dilation, pairs)
    if dy.shape[:1] != x.shape[:1] or dy.shape[2:] != windows or groups < 1 or x.shape[1] % groups or dy.shape[1] % groups:
        raise ValueError(
            f"convolution_weight_grad: x has shape {x.shape} and dy has shape {dy.shape}; expected (batch, in, *spatial) and "
            f"(batch, out, *{windows}), with in and out divisible into {groups} groups"
        )
    columns = columns_of(xp, x, kernel_size, stride, pairs, dilation, groups)
    dw = matmul(dy.reshape((x.shape[0], groups, dy.shape[1] // groups, columns.shape[-1])), columns.swapaxes(2, 3))
    return dw.sum(axis=0).reshape((dy.shape[1], x.shape[1] // groups, *kernel_size))


@convolution.vjp("x")
def convolution_d_x(g: Array, weight: Array, x_shape: Ints, *, stride: PerAxis, padding: Padding, dilation: PerAxis, groups: int) -> Array:
    return _spread(g, weight, x_shape[2:], stride, padding, dilation, groups)


@convolution.vjp("weight")
def convolution_d_weight(
    g: Array, x: Array, weight_shape: Ints, *, stride: PerAxis, padding: Padding, dilation: PerAxis, groups: int
) -> Array:
    return convolution_weight_grad(x, g, kernel_size=weight_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups)


@convolution_weight_grad.vjp("x")
def convolution_weight_grad_d_x(
    g: Array, dy: Array, x_shape: Ints, *, stride: PerAxis, padding: Padding, dilation: PerAxis, groups: int
) -> Array:
    return _spread(dy, g, x_shape[2:], stride, padding, dilation, groups)


@convolution_weight_grad.vjp("dy")
def convolution_weight_grad_d_dy(g: Array, x: Array, *, stride: PerAxis, padding: Padding, dilation: PerAxis, groups: int) -> Array:
    return convolution(x, g, stride=stride, padding=padding, dilation=dilation, groups=groups)


@conv_transpose.vjp("x")
def conv_transpose_d_x(
    g: Array, weight: Array, *, stride: PerAxis, padding: Padding, output_padding: PerAxis, groups: int, dilation: PerAxis
) -> Array:
    pairs = cut(padding, output_padding, weight.shape[2:], stride, dilation)
    return convolution(g, weight, stride=stride, padding=pairs, dilation=dilation, groups=groups)


@conv_transpose.vjp("weight")
def conv_transpose_d_weight(
    g: Array,
    x: Array,
    weight_shape: Ints,
    *,
    stride: PerAxis,
    padding: Padding,
    output_padding: PerAxis,
    groups: int,
    dilation: PerAxis,
) -> Array:
    kernel = weight_shape[2:]
    pairs = cut(padding, output_padding, kernel, stride, dilation)
    return convolution_weight_grad(g, x, kernel_size=kernel, stride=stride, padding=pairs, dilation=dilation, groups=groups)


for _op in (convolution, conv_transpose):
    _op.vjp(bias=lambda g: g.sum(axis=(0, *range(2, g.ndim))))


def _spread(y: Array, weight: Array, size: Ints, stride: PerAxis, padding: Padding, dilation: PerAxis, groups: int) -> Array:
    """Return the transposed convolution of ``y`` whose result has the spatial ``size``."""
    kernel = weight.shape[2:]
    stride, pairs, dilation = geometry(kernel, stride, padding, dilation)
    # where the last window ends, counted in the padded input; what lies beyond was seen by no window
    ends = [s * (n - 1) + r for s, n, r in zip(stride, y.shape[2:], reach(kernel, dilation), strict=True)]
    unseen = tuple(n + lo + hi - end for n, (lo, hi), end in zip(size, pairs, ends, strict=True))
    return conv_transpose(y, weight, stride=stride, padding=pairs, output_padding=unseen, groups=groups, dilation=dilation)


def cut(padding: Padding, output_padding: PerAxis, kernel: Ints, stride: PerAxis, dilation: PerAxis) -> Pairs:
    """Return how much a transposed convolution cuts off before and after along each axis."""
    stride, pairs, dilation = geometry(kernel, stride, padding, dilation)
    extra = per_axis(output_padding, len(kernel), "output_padding", 0)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ValueError(f"output_padding is {output_padding}; it must be smaller than the stride {stride} or the dilation {dilation}")
    return tuple((lo, hi - e) for (lo, hi), e in zip(pairs, extra, strict=True))


def _by_group(weight: Array, groups: int) -> Array:
    """Return a weight as one matrix for each group."""
    return weight.reshape((groups, weight.shape[0] // groups, prod(weight.shape[1:])))


# ------------------------------------------------------------------------------------------- by number of spatial axes

conv1d, conv2d, conv3d = by_axes("conv", convolution)
conv_transpose1d, conv_transpose2d, conv_transpose3d = by_axes("conv_transpose", conv_transpose)
