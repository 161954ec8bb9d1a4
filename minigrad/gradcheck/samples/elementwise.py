"""Samples of the elementwise families: arithmetic, powers, exponentials, trigonometry, special functions, comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from minigrad.gradcheck.samples import Sample, samples

Rng = np.random.Generator
Samples = Iterator[Sample]

#: pairs of shapes that broadcast against each other
PAIRS = [((2, 3), (2, 3)), ((), ()), ((3,), ()), ((2, 3), (3,)), ((2, 1, 2), (3, 1)), ((1, 1), (2,)), ((0, 2), (1, 2))]


def signed(rng: Rng, shape: tuple[int, ...], least: float = 0.3, most: float = 2.0) -> np.ndarray:
    """Numbers of both signs that keep away from 0."""
    return np.asarray(rng.uniform(least, most, shape) * rng.choice([-1.0, 1.0], shape))


def away_from_integers(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers whose distance from every integer and half integer is at least 0.2."""
    return np.asarray(rng.integers(-3, 3, shape) + rng.uniform(0.2, 0.3, shape) + 0.5 * rng.integers(0, 2, shape))


def unary(*names: str, draw: Callable[[Rng, tuple[int, ...]], np.ndarray]) -> None:
    """Declare the same shapes for ops of one input, with numbers from where they are smooth."""

    def generate(rng: Rng) -> Samples:
        yield Sample(draw(rng, (2, 3)))
        yield Sample(draw(rng, ()), label="0-d")
        yield Sample(draw(rng, (0, 2)), label="empty")

    samples(*names)(generate)


unary("negative", "positive", "copy", "square", "exp", "expm1", "exp2", "tanh", draw=lambda rng, shape: rng.normal(size=shape))
unary("sin", "cos", "atan", "sinh", "cosh", "asinh", draw=lambda rng, shape: rng.normal(size=shape))
unary("abs", "reciprocal", "sign", draw=signed)
unary("sqrt", "log", "log2", "log10", draw=lambda rng, shape: rng.uniform(0.3, 3, shape))
unary("log1p", draw=lambda rng, shape: rng.uniform(-0.6, 3, shape))
unary("floor", "ceil", "trunc", draw=away_from_integers)
unary("tan", draw=lambda rng, shape: rng.uniform(-1.2, 1.2, shape))
unary("asin", "acos", "atanh", draw=lambda rng, shape: rng.uniform(-0.8, 0.8, shape))
unary("acosh", draw=lambda rng, shape: rng.uniform(1.3, 3, shape))
unary("sigmoid", draw=lambda rng, shape: rng.normal(0, 3, shape))
unary("logical_not", "isnan", "isinf", "isfinite", draw=lambda rng, shape: np.asarray(rng.choice([0.0, 1.5, -np.inf, np.nan], shape)))


@samples("erf", "erfc")
def error_functions(rng: Rng) -> Samples:
    yield Sample(np.array([-2.5, -1.2, -0.9, -0.3, 0.0, 0.2, 0.8, 1.1, 2.2]), label="both sides of |x| = 1")
    yield Sample(np.array(0.4), label="0-d")
    yield Sample(np.zeros((0, 2)), label="empty")


@samples("round")
def round_(rng: Rng) -> Samples:
    yield Sample(away_from_integers(rng, (2, 3)))
    yield Sample(np.array([12.0, -37.0, 81.0]), decimals=-1)


@samples("add", "subtract", "multiply", "logaddexp")
def two_of_any_size(rng: Rng) -> Samples:
    for a, b in PAIRS:
        yield Sample(rng.normal(size=a), rng.normal(size=b))
    yield Sample(rng.normal(size=(2,)), 1.5, label="a number")
    yield Sample(-0.5, rng.normal(size=(2,)), label="a number")


@samples("divide", "hypot", "atan2")
def two_away_from_zero(rng: Rng) -> Samples:
    for a, b in PAIRS:
        yield Sample(signed(rng, a), signed(rng, b))
    yield Sample(signed(rng, (2,)), 1.5, label="a number")
    yield Sample(-0.5, signed(rng, (2,)), label="a number")


@samples("floor_divide", "remainder")
def division_with_remainder(rng: Rng) -> Samples:
    for a, b in PAIRS:
        divisor = signed(rng, b, least=1.0)
        quotient = rng.integers(-2, 2, np.broadcast_shapes(a, b)) + 0.5  # as far from a jump as can be
        if quotient.shape == a:
            yield Sample(np.asarray(quotient * divisor), divisor)
    yield Sample(np.array([2.3, -2.3]), 1.5, label="a number")
    yield Sample(2.3, np.array([1.5, -1.5]), label="a number")


@samples("maximum", "minimum")
def two_without_ties(rng: Rng) -> Samples:
    for a, b in PAIRS:
        integers, between = rng.integers(-3, 3, a).astype(float), rng.integers(-3, 3, b) + rng.uniform(0.2, 0.8, b)
        yield Sample(np.asarray(integers), np.asarray(between))
    yield Sample(signed(rng, (3,)), 0.0, label="a number")


@samples("pow")
def pow_(rng: Rng) -> Samples:
    for a, b in PAIRS:
        yield Sample(rng.uniform(0.4, 2, a), rng.normal(size=b))
    for exponent in (0, 1, 2, 3, -1, 0.0, 0.5, 2.5):
        yield Sample(rng.uniform(0.4, 2, (2,)), exponent, label="a number for exponent")
    yield Sample(signed(rng, (3,)), 5, label="a number for exponent of both signs")
    yield Sample(signed(rng, (3,)), np.array([3, 2, 0], dtype=np.int8), label="integers for exponents")
    yield Sample(np.zeros(2), 2, label="zero squared")
    yield Sample(2.5, rng.normal(size=(2,)), label="a number for base")


@samples("xlogy")
def xlogy(rng: Rng) -> Samples:
    for a, b in PAIRS:
        yield Sample(rng.normal(size=a), rng.uniform(0.4, 2, b))
    yield Sample(np.zeros(2), rng.uniform(0.4, 2, 2), label="zero")
    yield Sample(rng.normal(size=(2,)), 1.5, label="a number")
    yield Sample(1.5, rng.uniform(0.4, 2, (2,)), label="a number")


@samples("lerp")
def lerp(rng: Rng) -> Samples:
    yield Sample(rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.normal(size=(2, 3)))
    yield Sample(rng.normal(size=(2, 1)), rng.normal(size=(3,)), rng.normal(size=()), label="broadcast")
    yield Sample(rng.normal(size=(2,)), rng.normal(size=(2,)), 0.3, label="a number for weight")


@samples("where")
def where(rng: Rng) -> Samples:
    yield Sample(np.array([[True, False, True], [False, False, True]]), rng.normal(size=(2, 3)), rng.normal(size=(2, 3)))
    yield Sample(np.array([[True], [False]]), rng.normal(size=(3,)), rng.normal(size=()), label="broadcast")
    yield Sample(np.array([True, False]), rng.normal(size=(2,)), 0.0, label="a number")
    yield Sample(np.array([True, False]), 1.0, rng.normal(size=(2,)), label="a number")


@samples("clip")
def clip(rng: Rng) -> Samples:
    x = np.array([-2.0, -0.7, 0.1, 0.6, 1.9])
    yield Sample(x, -1.0, 0.5)
    yield Sample(x, None, 0.5)
    yield Sample(x, -1.0, label="no maximum")
    yield Sample(x, np.array(-1.2), np.array([1.0, 0.4, -0.5, 0.8, 2.0]), label="arrays for bounds")
    yield Sample(np.array([[0.2], [-3.0], [3.0]]), np.array([-1.0, -2.0]), np.array(1.0), label="broadcast")


@samples("astype")
def astype(rng: Rng) -> Samples:
    yield Sample(rng.normal(size=(2, 3)), dtype=np.float64)
    yield Sample(np.array([1, 2]), dtype=np.float64, label="integers")
    yield Sample(rng.normal(size=()), dtype=np.dtype("float64"), label="0-d")


@samples("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor")
def comparisons(rng: Rng) -> Samples:
    yield Sample(np.array([0.0, 1.0, 2.0, np.nan]), np.array([0.0, 2.0, 1.0, np.nan]))
    yield Sample(np.array([[0.0], [1.0]]), np.array([0.0, 1.0, 0.0]), label="broadcast")
    yield Sample(np.array([1, 0]), np.array([1, 1]), label="integers")


@samples("bitwise_and", "bitwise_or", "bitwise_xor")
def bits(rng: Rng) -> Samples:
    yield Sample(np.array([True, True, False, False]), np.array([True, False, True, False]))
    yield Sample(np.array([[12], [5]]), np.array([10, 3]), label="integers")


@samples("bitwise_left_shift", "bitwise_right_shift")
def shifts(rng: Rng) -> Samples:
    yield Sample(np.array([1, 12, -5, 0]), np.array([3, 2, 1, 4]))
    yield Sample(np.array([[12], [5]]), np.array([1, 3, 0]), label="broadcast")


@samples("bitwise_invert")
def bitwise_invert(rng: Rng) -> Samples:
    yield Sample(np.array([True, False]))
    yield Sample(np.array([0, 5, -3]), label="integers")


@samples("erfinv")
def erfinv(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.uniform(-0.9, 0.9, (2, 3)))
    yield Sample(np.array([-0.999, -0.3, 1e-3, 0.99]), label="towards 1")
    yield Sample(np.zeros((0, 2)), label="empty")


@samples("logit")
def logit(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.uniform(0.05, 0.95, (2, 3)))
    yield Sample(np.array([0.01, 0.499, 0.5, 0.99]), label="its zero")


@samples("sinc")
def sinc(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3)))
    yield Sample(np.array([0.0, 1e-3, -0.3, 0.6, 2.0]), label="around 0")


@samples("copysign")
def copysign(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3)) + 0.1, rng.standard_normal((2, 3)) + 0.1)
    yield Sample(rng.standard_normal((2, 1)) + 0.1, rng.standard_normal(3) + 0.1, label="broadcast")


@samples("nextafter")
def nextafter(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3)), rng.standard_normal(3))


@samples("signbit")
def signbit(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(np.array([-0.0, 0.0, 1.0, -2.0, -np.inf]))
