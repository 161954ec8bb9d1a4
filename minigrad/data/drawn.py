"""Drawn digits: images of 28 x 28 pixels, as many as one likes, the same bytes on every machine."""

from __future__ import annotations

import numpy as np

from minigrad.backends import Array
from minigrad.data.dataset import TensorDataset
from minigrad.random import Generator

#: 5 x 7 pixels for each digit, a row of five bits after another
FONT = (
    "01110 10001 10011 10101 11001 10001 01110", "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00010 00100 01000 11111", "11111 00010 00100 00010 00001 10001 01110",
    "00010 00110 01010 10010 11111 00010 00010", "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110", "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110", "01110 10001 10001 01111 00001 00010 01100",
)  # fmt: skip
SIZE = 28


def drawn_digits(n: int = 6000, *, noise: float = 0.25, jitter: float = 1.0, seed: int = 0) -> TensorDataset:
    """Digits of a 5 x 7 font, each turned, scaled, sheared and shifted at random, with noise: float32 of shape (n, 1, 28, 28) in [0, 1].

    A larger and harder set than `digits`, whose difficulty is a parameter: 28 x 28 pixels as MNIST has, thousands of images in a
    second, no download. Another seed gives other images, such as those to test with. The values are multiples of 1/255, those of
    `draw_digits`.

    Parameters
    ----------
    n
        Number of images; labels are random.
    noise
        Standard deviation of what is added to each pixel before it is cut to [0, 1].
    jitter
        How much each digit is moved: 0 draws all of them alike, 1 turns by up to 20 degrees, scales by up to 30 %, shears by
        up to 0.4 and shifts by up to 3 pixels.
    seed
        Which images.

    Raises
    ------
    ValueError
        If there are no images to draw, or ``noise`` or ``jitter`` is negative.
    """
    images, labels = draw_digits(n, noise=noise, jitter=jitter, seed=seed)
    return TensorDataset(images[:, None].astype(np.float32) / np.float32(255), labels, classes=[str(i) for i in range(10)])


def draw_digits(n: int, *, noise: float = 0.25, jitter: float = 1.0, seed: int = 0) -> tuple[Array, Array]:
    """Return the images as bytes, uint8 of shape (n, 28, 28), and the labels; arguments as for `drawn_digits`.

    The bytes depend on no library's sine or logarithm: everything is made of 64-bit random words by + - * / in float64, each
    rounded as IEEE 754 says.
    """
    if n < 1 or not 0 <= noise < np.inf or not 0 <= jitter < np.inf:
        raise ValueError(f"drawn_digits: needs n >= 1 and finite noise and jitter >= 0, not n={n}, noise={noise}, jitter={jitter}")
    font = np.array([[[int(bit) for bit in row] for row in glyph.split()] for glyph in FONT], np.float64)
    font = np.pad(font, ((0, 0), (2, 2), (2, 2)))
    generator = Generator(seed)
    labels = (generator.bits(n, "cpu") >> np.uint64(32)).astype(np.int64) % 10

    def between(low: float, high: float) -> Array:
        unit = (generator.bits(n, "cpu") >> np.uint64(11)).astype(np.float64) / 2.0**53
        return ((low + (high - low) * unit) * jitter)[:, None, None]

    half, wide, tall, shear, dx, dy = (between(-r, r) for r in (0.1763, 0.3, 0.25, 0.4, 0.35, 0.25))
    cosine, sine = (1 - half * half) / (1 + half * half), 2 * half / (1 + half * half)  # of an angle whose half has this tangent
    row, column = np.mgrid[0:SIZE, 0:SIZE].astype(np.float64)
    u, v = (column - 13.5) / 9, (row - 13.5) / 11
    x = np.clip((((cosine * u - sine * v) + shear * v) * (1 + wide) + dx) * 2.5 + 4, 0, 7.999)
    y = np.clip(((sine * u + cosine * v) * (1 + tall) + dy) * 3.5 + 5, 0, 9.999)
    x0, y0 = x.astype(np.int64), y.astype(np.int64)
    fx, fy, t = x - x0, y - y0, labels[:, None, None]
    image = font[t, y0, x0] * (1 - fx) * (1 - fy) + font[t, y0, x0 + 1] * fx * (1 - fy)
    image = image + font[t, y0 + 1, x0] * (1 - fx) * fy + font[t, y0 + 1, x0 + 1] * fx * fy
    image = image + noise * _near_normal(generator, image.shape)
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8), labels


def _near_normal(generator: Generator, shape: tuple[int, ...]) -> Array:
    """Return sums of the eight bytes of a word, centred and of variance 1: nearly normal, and exact."""
    words = generator.bits(int(np.prod(shape)), "cpu")
    total = sum(((words >> np.uint64(8 * k)) & np.uint64(255)).astype(np.float64) for k in range(8))
    return ((total - 8 * 127.5) / 209.0143535735).reshape(shape)  # sqrt(8 (256^2 - 1) / 12)
