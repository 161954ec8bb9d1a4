"""Convolutions of 3x3 with stride 1 by Winograd's algorithm F(4x4, 3x3): 36 products where the definition takes 144.

The image is cut into tiles of 6x6 that overlap by 2. With B, G and A below, a tile d gives the 4x4 outputs
``A^T [(G w G^T) * (B^T d B)] A``, where ``*`` is elementwise and summed over the channels: one matrix product for each of
the 36 places in a tile. The transforms are additions and a few products by small numbers.

Here the channels come last, so that every step of a transform is a long vector operation, and a few samples are done
at a time, which stay in the cache. Results differ from those of the definition by rounding: relative to the largest
output about 1e-6 in float32.

Source: Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016, section 4.3.
"""

from __future__ import annotations

import numpy as np

from minigrad.backends import Array, DType
from minigrad.kernels import buffers

G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
BOTH = np.kron(G, G)  #: along rows and columns
CHUNK = 1 << 20  #: bytes of the transformed tiles that are worked on at a time


def convolve(x: Array, weight: Array, bias: Array, pad: tuple[int, int]) -> Array:
    """Convolve ``x`` (N, C, H, W) with ``weight`` (O, C, 3, 3), with ``pad`` zeros on either side of the spatial axes."""
    n, c, o = x.shape[0], x.shape[1], weight.shape[0]
    height, width = (size + 2 * p - 2 for size, p in zip(x.shape[2:], pad, strict=True))
    p, q = -(-height // 4), -(-width // 4)
    y = buffers.empty((n, o, height, width), x.dtype)
    kernel = (BOTH.astype(x.dtype) @ weight.reshape(o * c, 9).T).reshape(36, o, c).swapaxes(1, 2)  # G w G^T
    step = _samples_at_a_time(n, p * q * max(c, o) * x.itemsize)
    image = _Image(p, q, step, c, x.dtype)
    for start in range(0, n, step):
        part = x[start : start + step]
        tiles = image.filled(part, pad).tiles()
        product = np.matmul(tiles.reshape(36, -1, c), kernel, out=buffers.empty((36, p * q * len(part), o), x.dtype))
        out = _outputs(product.reshape(6, 6, p, q, -1))
        if bias is not None:
            rows = out.reshape(-1, o)
            rows += bias
        out = out.reshape(4 * p, 4 * q, len(part), o)
        for i in range(height):
            y[start : start + step, :, i] = out[i, :width].transpose(1, 2, 0)
    return y


def weight_gradient(x: Array, g: Array, pad: tuple[int, int]) -> Array:
    """Gradient for the weight of `convolve`, where ``g`` (N, O, H', W') is the cotangent of the result."""
    n, c, o = x.shape[0], x.shape[1], g.shape[1]
    p, q = (-(-size // 4) for size in g.shape[2:])
    step = _samples_at_a_time(n, p * q * max(c, o) * x.itemsize)
    image, cotangent = _Image(p, q, step, c, x.dtype), _Image(p, q, step, o, x.dtype)
    total = np.zeros((36, c, o), x.dtype)
    for start in range(0, n, step):
        tiles = image.filled(x[start : start + step], pad).tiles()
        spread = cotangent.filled(g[start : start + step], (0, 0)).spread()
        total += np.matmul(tiles.reshape(36, -1, c).swapaxes(1, 2), spread.reshape(36, -1, o))
    return np.ascontiguousarray((BOTH.T.astype(x.dtype) @ total.reshape(36, c * o)).reshape(3, 3, c, o).transpose(3, 2, 0, 1))


def _samples_at_a_time(n: int, size: int) -> int:
    return min(n, max(2, CHUNK // (36 * size)))


class _Image:
    """A few samples as (row, column modulo 4, column // 4, sample and channel), surrounded by zeros.

    In this order the elements that a transform takes from the same place of every tile lie side by side.
    """

    def __init__(self, p: int, q: int, samples: int, channels: int, dtype: DType) -> None:
        self.p, self.q, self.channels = p, q, channels
        self.memory = buffers.empty((4 * p + 2, 4, q + 1, samples * channels), dtype)
        self.memory[...] = 0
        self.data = self.memory

    def filled(self, part: Array, pad: tuple[int, int]) -> _Image:
        """Write samples (N, C, H, W) into the middle."""
        n, c, height = part.shape[:3]
        self.data = self.memory[..., : n * c]
        for column in range(4):
            first = (column - pad[1]) % 4
            source = part[:, :, :, first::4].transpose(2, 3, 0, 1)
            at = (first + pad[1]) // 4
            target = self.data[pad[0] : pad[0] + height, column, at : at + source.shape[1]]
            target.reshape((*source.shape[:2], n, c))[...] = source
        return self

    def tiles(self) -> Array:
        """B^T d B for all tiles d: (6, 6, p, q, values)."""
        p, q, image = self.p, self.q, self.data
        rows = buffers.empty((4, 6, p, q + 1, image.shape[3]), image.dtype)
        _input_transform([image[i : i + 4 * p - 3 : 4].swapaxes(0, 1) for i in range(6)], rows.swapaxes(0, 1))
        tiles = buffers.empty((6, 6, p, q, image.shape[3]), image.dtype)
        _input_transform([rows[j % 4, :, :, j // 4 : j // 4 + q] for j in range(6)], tiles.swapaxes(0, 1))
        return tiles

    def spread(self) -> Array:
        """A g A^T for all tiles g of 4x4: (6, 6, p, q, values). The adjoint of `_outputs`."""
        p, q, image = self.p, self.q, self.data
        rows = buffers.empty((4, 6, p, q, image.shape[3]), image.dtype)
        _spreading_transform([image[i : i + 4 * p - 3 : 4, :, :q].swapaxes(0, 1) for i in range(4)], rows.swapaxes(0, 1))
        spread = buffers.empty((6, 6, p, q, image.shape[3]), image.dtype)
        _spreading_transform(rows, spread.swapaxes(0, 1))
        return spread


def _outputs(product: Array) -> Array:
    """A^T m A for all m: from (6, 6, p, q, values) to (p, 4, q, 4, values)."""
    p, q, values = product.shape[2:]
    rows = buffers.empty((4, 6, p, q, values), product.dtype)
    _output_transform(product, rows)
    out = buffers.empty((p, 4, q, 4, values), product.dtype)
    _output_transform(rows.swapaxes(0, 1), out.transpose(3, 1, 0, 2, 4))
    return out


def _input_transform(d: Array, out: Array) -> None:
    """out = B^T d along the first axis: (4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0), ..."""
    s, t = (buffers.empty(d[0].shape, out.dtype) for _ in range(2))
    np.subtract(d[4], np.multiply(d[2], 4, out=t), out=t)
    np.subtract(d[3], np.multiply(d[1], 4, out=s), out=s)
    np.add(t, s, out=out[1])
    np.subtract(t, s, out=out[2])
    np.subtract(d[4], d[2], out=t)
    np.subtract(d[3], d[1], out=s)
    s *= 2
    np.add(t, s, out=out[3])
    np.subtract(t, s, out=out[4])
    s *= 2
    np.subtract(d[5], s, out=s)
    np.subtract(s, d[3], out=out[5])
    np.subtract(d[0], d[2], out=s)
    s *= 4
    np.add(t, s, out=out[0])


def _output_transform(m: Array, out: Array) -> None:
    """out = A^T m along the first axis: (1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1)"""
    r, s, t = (buffers.empty(m[0].shape, out.dtype) for _ in range(3))
    np.add(m[1], m[2], out=s)
    np.add(m[3], m[4], out=t)
    np.add(m[0], s, out=r)
    np.add(r, t, out=out[0])
    t *= 4
    np.add(s, t, out=out[2])
    np.subtract(m[1], m[2], out=s)
    np.subtract(m[3], m[4], out=t)
    t *= 2
    np.add(s, t, out=out[1])
    t *= 4
    s += t
    np.add(s, m[5], out=out[3])


def _spreading_transform(g: Array, out: Array) -> None:
    """out = A g along the first axis: the transpose of `_output_transform`"""
    s, t = (buffers.empty(g[0].shape, out.dtype) for _ in range(2))
    out[0], out[5] = g[0], g[3]
    np.add(g[0], g[2], out=s)
    np.add(g[1], g[3], out=t)
    np.add(s, t, out=out[1])
    np.subtract(s, t, out=out[2])
    np.add(g[0], np.multiply(g[2], 4, out=s), out=s)
    np.add(g[1], np.multiply(g[3], 4, out=t), out=t)
    t *= 2
    np.add(s, t, out=out[3])
    np.subtract(s, t, out=out[4])
