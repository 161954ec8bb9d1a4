"""Samples of the products: linalg and contraction."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.gradcheck.samples import Sample, samples

Rng = np.random.Generator


@samples("matmul")
def matmul(rng: Rng) -> Iterator[Sample]:
    for label, a, b in (
        ("vectors", (3,), (3,)),
        ("row times matrix", (3,), (3, 2)),
        ("matrix times column", (2, 3), (3,)),
        ("matrices", (2, 3), (3, 4)),
        ("1x1", (1, 1), (1, 1)),
        ("empty", (0, 3), (3, 2)),
        ("nothing to sum", (2, 0), (0, 2)),
        ("batches", (2, 2, 3), (2, 3, 2)),
        ("one b for a batch", (2, 2, 3), (3, 2)),
        ("one a for a batch", (2, 3), (2, 3, 2)),
        ("row times batch", (3,), (2, 3, 1)),
        ("batch times column", (2, 2, 3), (3,)),
        ("batches broadcast", (2, 1, 2, 3), (2, 3, 1)),
    ):
        yield Sample(rng.standard_normal(a), rng.standard_normal(b), label=label)


@samples("linear")
def linear(rng: Rng) -> Iterator[Sample]:
    for shape in ((3,), (4, 3), (2, 2, 3), (0, 3)):
        x, weight, bias = rng.standard_normal(shape), rng.standard_normal((2, 3)), rng.standard_normal(2)
        yield Sample(x, weight, bias)
    yield Sample(x, weight, label="no bias")
    yield Sample(rng.standard_normal((2, 3)), weight, None, label="no bias")


@samples("tensordot")
def tensordot(rng: Rng) -> Iterator[Sample]:
    a, b = rng.standard_normal((2, 3, 2)), rng.standard_normal((3, 2, 2))
    yield Sample(a, b)
    yield Sample(a, rng.standard_normal(2), axes=1)
    yield Sample(rng.standard_normal(3), rng.standard_normal((2, 2)), axes=0, label="outer")
    yield Sample(rng.standard_normal((2, 3, 4)), rng.standard_normal((4, 2, 3)), axes=((2, 0, 1), (0, 1, 2)), label="all")
    yield Sample(rng.standard_normal((2, 3, 4)), rng.standard_normal((4, 1, 2)), axes=((-1, 0), (0, -1)), label="not in order")
    yield Sample(a, a.copy(), axes=(1, 1), label="an axis without a tuple")
    yield Sample(rng.standard_normal((2, 3)), rng.standard_normal((3, 1, 2)), axes=((-1,), (-3,)), label="negative axes")


@samples("einsum")
def einsum(rng: Rng) -> Iterator[Sample]:
    for subscripts, *shapes in (
        ("ij,jk->ik", (2, 3), (3, 2)),
        ("ij->ji", (2, 3)),
        ("ij->i", (2, 3)),
        ("ij->", (2, 3)),
        ("i,j->ji", (2,), (3,)),
        ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
        ("ij,k->ij", (2, 2), (3,)),
        ("i,ij,j->", (2,), (2, 3), (3,)),
        ("bi,oij,bj->bo", (2, 3), (2, 3, 2), (2, 2)),
        (",ij->ij", (), (2, 2)),
    ):
        yield Sample(*[rng.standard_normal(shape) for shape in shapes], subscripts=subscripts)


@samples("outer")
def outer(rng: Rng) -> Iterator[Sample]:
    yield Sample(rng.standard_normal(3), rng.standard_normal(2))
    yield Sample(rng.standard_normal(1), rng.standard_normal(1))
    yield Sample(rng.standard_normal(0), rng.standard_normal(2), label="empty")


@samples("vecdot", "cross")
def along_an_axis(rng: Rng) -> Iterator[Sample]:
    yield Sample(rng.standard_normal(3), rng.standard_normal(3))
    yield Sample(rng.standard_normal((2, 3)), rng.standard_normal((2, 3)))
    yield Sample(rng.standard_normal((2, 1, 3)), rng.standard_normal((2, 3)), label="broadcast")
    yield Sample(rng.standard_normal((2, 3, 2)), rng.standard_normal((3, 1)), axis=-2, label="broadcast")


@samples("kron")
def kron(rng: Rng) -> Iterator[Sample]:
    for a, b in (((2, 3), (2, 2)), ((3,), (2,)), ((2, 2), (3,)), ((2,), (1, 2, 2)), ((), (2,)), ((1, 2), (0, 2))):
        yield Sample(rng.standard_normal(a), rng.standard_normal(b))
