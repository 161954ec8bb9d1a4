"""Local response normalization, and the moving sum over neighbouring channels that it is made of."""

from __future__ import annotations

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.standardization import normalized_axes

__all__ = ["local_response_norm", "moving_sum"]


@op
def moving_sum(xp: Namespace, x: Array, *, axis: int, before: int, after: int) -> Array:
    """y_i = x_(i - before) + ... + x_(i + after) along ``axis``, where x is zero outside its bounds."""
    n = x.shape[axis]
    widths = [(0, 0)] * x.ndim
    widths[axis] = (before, after)
    padded = xp.pad(x, widths)
    window = [slice(None)] * x.ndim
    y = xp.zeros_like(x)
    for start in range(before + after + 1):
        window[axis] = slice(start, start + n)
        y = y + padded[tuple(window)]
    return y


moving_sum.vjp(x=lambda g, *, axis, before, after: moving_sum(g, axis=axis, before=after, after=before))


@op(outputs=("y", "scale"))
def local_response_norm(
    xp: Namespace, x: Array, *, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0, axis: int = 1
) -> tuple[Array, Array]:
    """Divide each value by a power of the energy of its neighbours in other channels: y = x scale^-beta.

    scale = k + alpha / size times the sum of x^2 over the ``size`` channels around each; channels outside count as zero
    (and an even window reaches one further back than ahead, as in PyTorch).

    Parameters
    ----------
    x
        Floating-point values.
    size
        Number of channels in the window.
    alpha, beta, k
        As in the formula.
    axis
        The axis of the channels.

    Returns
    -------
    tuple
        ``(y, scale)``, both of the shape of x.

    References
    ----------
    Krizhevsky, Sutskever, Hinton: "ImageNet classification with deep convolutional neural networks", 2012, section 3.3.
    """
    normalized_axes("local_response_norm", x, axis)
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"local_response_norm: size={size!r} must be a positive number of channels")
    scale = k + (alpha / size) * moving_sum(x * x, axis=axis, before=size // 2, after=(size - 1) // 2)
    return x * scale**-beta, scale


@local_response_norm.vjp("x")
def local_response_norm_d_x(
    g: Array, x: Array, scale: Array, g_scale: Array | None = None, *, size: int, alpha: float, beta: float, axis: int
) -> Array:
    from_y = g * x * scale ** (-beta - 1) * -beta
    total = from_y if g_scale is None else from_y + g_scale
    neighbours = moving_sum(total, axis=axis, before=(size - 1) // 2, after=size // 2)
    return g * scale**-beta + x * neighbours * (2 * alpha / size)
