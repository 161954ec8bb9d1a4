"""The step that all normalizations share: from x to xhat = (x - mean) / sqrt(var + eps) over some of its axes.

`standardized` is that step, `through_xhat` its backward pass, and `statistics` the mean and the variance as floating
point wants them. The rest gives axes and shapes. No op is declared here.
"""

from __future__ import annotations

from math import prod
from numbers import Integral
from typing import Any

from minigrad.backends import Array, Namespace


def through_xhat(
    g: Array, x: Array, mean: Array, var: Array, g_mean: Array, g_var: Array, axes: tuple[int, ...], eps: float
) -> tuple[Array, Array]:
    """Return the cotangent of x, from those of xhat = (x - mean) rstd and of the statistics, and xhat.

    Equation (7) without the weight: rstd (g - <g> - xhat <g xhat>) + g_mean / m + 2 g_var (x - mean) / m.
    """
    rstd = (per_channel(var, x, axes) + eps) ** -0.5
    centred = x - per_channel(mean, x, axes)
    xhat = centred * rstd
    rest = g - g.mean(axis=axes, keepdims=True)
    g_x = rstd * (rest - xhat * (rest * xhat).mean(axis=axes, keepdims=True))
    if g_mean is not None:
        g_x = g_x + per_channel(g_mean, x, axes) / count(x, axes)
    if g_var is not None:
        g_x = g_x + centred * (per_channel(g_var, x, axes) * (2 / count(x, axes)))
    return g_x, xhat


def standardized(xp: Namespace, x: Array, axes: tuple[int, ...], eps: float) -> tuple[Array, Array, Array]:
    """Return xhat = (x - mean) / sqrt(var + eps) over ``axes``, the mean and the variance."""
    centred, lost, mean, var = statistics(xp, x, axes)
    rstd = 1 / xp.sqrt(var + eps)
    xhat = centred * rstd.astype(mean.dtype) - (lost * rstd).astype(mean.dtype)
    return xhat, mean.reshape(kept_shape(x, axes)), var.astype(mean.dtype).reshape(kept_shape(x, axes))


def affine(xhat: Array, weight: Array, bias: Array) -> Array:
    """Scale and shift by what there is of weight and bias."""
    y = xhat if weight is None else xhat * weight
    return y if bias is None else y + bias


def in_dtype_of(x: Array, y: Array) -> Array:
    """Return y in the dtype of x; as it is where it is complex, for a complex step in another input than x."""
    return y if y.dtype.kind == "c" else y.astype(x.dtype, copy=False)


def statistics(xp: Namespace, x: Array, axes: tuple[int, ...]) -> tuple[Array, Array, Array, Array]:
    """Return x - mean, what the rounding of the mean leaves in it, the mean and the biased variance over ``axes``.

    Sums are taken in float64 where x has fewer digits. The mean is then rounded to the dtype of x (to float32 if that is
    shorter), so that x - mean is exact wherever it is small; the rest, ``lost``, is of the size of that rounding: exactly,
    the centred values are ``x - mean - lost`` and the variance is ``<(x - mean)^2> - lost^2``. The second term is tiny,
    so nothing cancels. The statistics keep their axes, with length 1; ``lost`` and the variance are not yet rounded.
    """
    wide = xp.promote_types(x.dtype, xp.float64)
    exact = x.mean(axis=axes, keepdims=True, dtype=wide)
    mean = exact.astype(xp.promote_types(x.dtype, xp.float32))
    lost = exact - mean
    centred = x - mean
    var = (centred * centred).mean(axis=axes, keepdims=True, dtype=wide) - lost * lost
    return centred, lost, mean, xp.maximum(var, 0)  # squares of values below 1e-23 vanish in float32, and what is taken off does not


def normalized_axes(name: str, x: Array, axis: Any, eps: float = 0.0, *, averages: bool = True) -> tuple[int, ...]:
    """Return the axes as sorted non-negative numbers, after checking what op ``name`` was given.

    If the op ``averages`` over them, there must be something to average.
    """
    ndim = len(x.shape)
    axes = tuple([int(a) if isinstance(a, Integral) else a for a in (axis if isinstance(axis, (tuple, list)) else (axis,))])
    check_eps(name, x, eps)
    if not all(isinstance(a, int) and -ndim <= a < ndim for a in axes) or len({a % ndim for a in axes}) != len(axes) or not axes:
        raise ValueError(f"{name}: axis={axis!r} does not name different axes of x, which has shape {x.shape}")
    if averages and not all(x.shape[a] for a in axes):
        raise ValueError(f"{name}: x of shape {x.shape} has no values to average over axis={axis!r}")
    return tuple(sorted(a % ndim for a in axes))


def check_eps(name: str, x: Array, eps: float) -> None:
    """Check that x is of floating point and eps not negative."""
    if x.dtype.kind not in "fc":
        raise TypeError(f"{name}: x must be of floating point, not {x.dtype}; convert it with x.astype('float32')")
    if not eps >= 0:
        raise ValueError(f"{name}: eps={eps} must not be negative, as it is added to a variance")


def count(x: Array, axes: tuple[int, ...]) -> int:
    """How many values there are along ``axes``: m in the formulas."""
    return prod(x.shape[i] for i in axes)


def complement(x: Array, axes: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of x that are not among ``axes``."""
    return tuple(i for i in range(len(x.shape)) if i not in axes)


def kept_shape(x: Array, axes: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of x without ``axes``: that of whatever there is one of for each channel."""
    return tuple(n for i, n in enumerate(x.shape) if i not in axes)


def per_channel(value: Array, x: Array, axes: tuple[int, ...]) -> Array:
    """Give a value for each channel the axes of x, those of ``axes`` with length 1, so that it broadcasts against x.

    None stays None.
    """
    return None if value is None else value.reshape(tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def check_affine(name: str, x: Array, axes: tuple[int, ...], **values: Array) -> None:
    """Check that each of ``values`` is None or has one element for each channel."""
    expected = kept_shape(x, axes)
    for what, value in values.items():
        if value is not None and getattr(value, "shape", None) != expected:
            raise ValueError(
                f"{name}: {what} has shape {getattr(value, 'shape', ())}, expected {expected}, "
                f"which is the shape of x, {x.shape}, without axis {axes}"
            )
