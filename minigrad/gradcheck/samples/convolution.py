"""Samples of convolution, transposed convolution, unfold and fold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.gradcheck.samples import Sample, samples

Rng = np.random.Generator


@samples("convolution")
def convolution(rng: Rng) -> Iterator[Sample]:
    def sample(x: tuple[int, ...], weight: tuple[int, ...], bias: bool = False, label: str = "", **params: Any) -> Sample:
        extra = [rng.standard_normal(weight[0])] if bias else []
        return Sample(rng.standard_normal(x), rng.standard_normal(weight), *extra, label=label, **params)

    yield sample((2, 2, 5), (3, 2, 3), bias=True)
    yield sample((1, 1, 4), (1, 1, 1), label="1x1")
    yield sample((1, 1, 2, 2), (1, 1, 2, 2), label="one window")
    yield sample((0, 2, 4), (1, 2, 2), bias=True, label="empty batch")
    yield sample((1, 2, 4, 3), (2, 2, 2, 2), bias=True, padding=1)
    yield sample((1, 1, 5, 4), (1, 1, 2, 2), stride=(2, 3), label="elements that no window sees")
    yield sample((1, 1, 7), (1, 1, 2), stride=3, label="stride longer than the kernel")
    yield sample((1, 1, 6), (2, 1, 3), stride=2, padding=2)
    yield sample((1, 1, 7), (1, 1, 3), dilation=2)
    yield sample((1, 1, 4, 5), (1, 1, 2, 3), stride=(1, 2), padding=(0, 2), dilation=(2, 1))
    yield sample((1, 4, 4), (4, 2, 2), bias=True, groups=2)
    yield sample((2, 2, 3, 3), (4, 1, 2, 2), groups=2, padding="valid", label="depthwise")
    yield sample((1, 1, 4, 3), (1, 1, 2, 3), padding="same", label="even and odd kernel")
    yield sample((1, 1, 5), (1, 1, 4), padding="same", dilation=2)
    yield sample((1, 1, 4), (1, 1, 2), padding=((2, -1),), stride=2, label="uneven padding")
    yield sample((1, 1, 3, 2, 3), (1, 1, 2, 2, 2), bias=True, padding=(0, 1, 0), label="3-d")


@samples("convolution_weight_grad")
def convolution_weight_grad(rng: Rng) -> Iterator[Sample]:
    def sample(x: tuple[int, ...], dy: tuple[int, ...], kernel_size: tuple[int, ...], **params: Any) -> Sample:
        return Sample(rng.standard_normal(x), rng.standard_normal(dy), kernel_size=kernel_size, **params)

    yield sample((2, 2, 5), (2, 3, 3), (3,))
    yield sample((0, 2, 4), (0, 1, 3), (2,))
    yield sample((1, 1, 5, 4), (1, 1, 2, 2), (2, 2), stride=(2, 2))
    yield sample((1, 1, 4, 5), (1, 1, 2, 4), (2, 3), stride=(1, 2), padding=(0, 2), dilation=(2, 1))
    yield sample((2, 4, 4), (2, 2, 3), (2,), groups=2)
    yield sample((1, 1, 4, 3), (1, 2, 4, 3), (2, 3), padding="same")


@samples("conv_transpose")
def conv_transpose(rng: Rng) -> Iterator[Sample]:
    def sample(x: tuple[int, ...], weight: tuple[int, ...], bias: int = 0, label: str = "", **params: Any) -> Sample:
        extra = [rng.standard_normal(bias)] if bias else []
        return Sample(rng.standard_normal(x), rng.standard_normal(weight), *extra, label=label, **params)

    yield sample((2, 2, 3), (2, 3, 2), bias=3)
    yield sample((1, 1, 2, 2), (1, 1, 1, 1), label="1x1")
    yield sample((0, 1, 2), (1, 2, 2), bias=2, label="empty batch")
    yield sample((1, 2, 2, 3), (2, 1, 3, 2), bias=1, stride=2, padding=1)
    yield sample((1, 1, 2, 2), (1, 1, 2, 2), stride=(2, 3), output_padding=(1, 2))
    yield sample((1, 1, 3), (1, 1, 2), dilation=3, output_padding=2, label="output padding longer than the stride")
    yield sample((1, 1, 3), (1, 1, 3), stride=2, padding=2, output_padding=1)
    yield sample((1, 1, 3), (1, 1, 2), stride=4, label="gaps")
    yield sample((1, 4, 2), (4, 1, 2), bias=2, groups=2)
    yield sample((1, 2, 2, 2), (2, 2, 2, 1), groups=2, stride=(1, 2))
    yield sample((1, 1, 2, 1, 2), (1, 1, 2, 2, 1), padding=(1, 0, 0), label="3-d")


@samples("unfold")
def unfold(rng: Rng) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 2, 3, 3)), kernel_size=2)
    yield Sample(rng.standard_normal((0, 1, 3, 3)), kernel_size=2)
    yield Sample(rng.standard_normal((1, 1, 5, 6)), kernel_size=(2, 3), stride=(3, 2), label="elements that no window sees")
    yield Sample(rng.standard_normal((1, 2, 4, 3)), kernel_size=(2, 1), padding=(1, 0), dilation=(2, 1))


@samples("fold")
def fold(rng: Rng) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 8, 4)), output_size=(3, 3), kernel_size=2)
    yield Sample(rng.standard_normal((0, 4, 4)), output_size=(3, 3), kernel_size=2)
    yield Sample(rng.standard_normal((1, 6, 4)), output_size=(5, 6), kernel_size=(2, 3), stride=(3, 2))
    yield Sample(rng.standard_normal((1, 4, 12)), output_size=(4, 3), kernel_size=(2, 1), padding=(1, 0), dilation=(2, 1))
