"""Products and contractions: the forms that are compositions, operators, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def test_matmul_operator_takes_arrays_on_either_side() -> None:
    a, b = normal(2, 3), normal(3, 4)
    for y in (Tensor(a) @ b, a @ Tensor(b), Tensor(a) @ Tensor(b)):
        assert isinstance(y, Tensor)
        np.testing.assert_allclose(y.data, a @ b)


def test_transposes() -> None:
    x = Tensor(normal(2, 3, 4))
    assert x.T.shape == (4, 3, 2)
    assert x.mT.shape == (2, 4, 3)


def test_matmul_of_one_matrix_with_a_batch_makes_no_batch_of_gradients() -> None:
    x, w = Tensor(normal(5, 4, 3)), Tensor(normal(3, 2), requires_grad=True)
    g = normal(5, 4, 2)
    (x @ w).backward(g)
    assert w.grad is not None
    np.testing.assert_allclose(w.grad.data, np.einsum("bti,bto->io", x.data, g))


def test_linear_gradient_has_the_layout_of_the_weight() -> None:
    weight = Tensor(normal(4, 3), requires_grad=True)
    mg.linear(normal(5, 3), weight).sum().backward()
    assert weight.grad is not None
    assert weight.grad.data.flags.c_contiguous


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk", [(2, 3), (3, 4)]),
        ("ba", [(2, 3)]),
        ("i,i", [(3,), (3,)]),
        (" i j , j k -> k i ", [(2, 3), (3, 4)]),
        ("...ij,...jk->...ik", [(5, 2, 3), (5, 3, 4)]),
        ("...ij,jk->...ik", [(5, 2, 3), (3, 4)]),
        ("...i,...i", [(2, 1, 3), (4, 3)]),
        ("i...->...", [(3, 2)]),
        ("...,...->...", [(2, 3), (3,)]),
        ("ii->i", [(3, 3)]),
        ("ii", [(3, 3)]),
        ("iji->j", [(2, 3, 2)]),
        ("iii->", [(2, 2, 2)]),
        ("ii,ij->j", [(3, 3), (3, 2)]),
        ("bii,...bj->...bij", [(2, 2, 2), (2, 3)]),
        ("ij,jk->ik", [(2, 1), (3, 2)]),
        ("ij,jk,kl->il", [(2, 3), (3, 2), (2, 2)]),
    ],
)
def test_einsum_in_every_notation(subscripts: str, shapes: list[tuple[int, ...]]) -> None:
    operands = [normal(*shape) for shape in shapes]
    np.testing.assert_allclose(mg.einsum(subscripts, *operands), np.einsum(subscripts, *operands), rtol=1e-12)
    result = mg.gradcheck(lambda *xs: mg.einsum(subscripts, *xs), operands)
    assert result.ok, str(result)


@pytest.mark.parametrize(
    ("subscripts", "shapes", "message"),
    [
        ("ij,jk->ik", [(2, 3)], "2 operands, and 1 were given"),
        ("ij->i", [(2, 3, 4)], r"does not fit operands of shapes \(2, 3, 4\)"),
        ("ij->k", [(2, 3)], "does not fit"),
        ("ij->ii", [(2, 3)], "does not fit"),
        ("i1->i", [(2, 3)], "does not fit"),
        ("ij,jk->ik", [(2, 3), (4, 5)], "'j' is 3 long in one operand and 4 in another"),
        ("ii->i", [(2, 3)], "axes of length 2 and 3"),
        ("ijk...->i", [(2, 3)], "does not fit"),
    ],
)
def test_einsum_errors(subscripts: str, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mg.einsum(subscripts, *[Tensor(normal(*shape)) for shape in shapes])


@pytest.mark.parametrize(("a", "b"), [((3,), (3,)), ((2, 3), (3, 4)), ((2, 3), (3,)), ((2, 4, 3), (5, 3, 2)), ((), (2,)), ((2,), ())])
def test_dot_is_that_of_numpy(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    x, z = normal(*a), normal(*b)
    x, z = np.asarray(x), np.asarray(z)
    np.testing.assert_allclose(mg.dot(Tensor(x), Tensor(z)).data, np.dot(x, z))
    np.testing.assert_allclose(Tensor(x).dot(z).data, np.dot(x, z))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Tensor(normal(2, 3)) @ normal(2, 3), r"a has shape \(2, 3\) and b \(2, 3\)"),
        (lambda: Tensor(normal(2, 3)) @ np.float64(2.0), r"b \(\).*use \* there"),
        (lambda: Tensor(normal(2, 3)) @ 2.0, r"b \(\).*use \* there"),
        (lambda: mg.linear(normal(2, 3), normal(3, 4)), r"x has shape \(2, 3\) and weight \(3, 4\)"),
        (lambda: mg.linear(normal(2, 3), normal(4, 3), normal(3)), r"bias has shape \(3,\); weight \(4, 3\) needs \(4,\)"),
        (lambda: mg.tensordot(normal(2, 3), normal(4, 2), axes=1), r"axes \(1,\) of a and \(0,\) of b differ in length"),
        (lambda: mg.tensordot(normal(2, 3), normal(3, 2), axes=((0, 1), (0,))), "2 axes of a cannot be paired with 1 of b"),
        (lambda: mg.tensordot(normal(2, 3), normal(3, 2), axes=((0, 0), (0, 1))), r"\(0, 0\) are not different axes of a"),
        (lambda: mg.tensordot(normal(2, 3), normal(3, 2), axes=((2,), (0,))), "are not different axes of a, which has 2"),
        (lambda: mg.tensordot(normal(2), normal(2), axes=2), "are not different axes of a"),
        (lambda: mg.outer(normal(2, 2), normal(2)), r"a has shape \(2, 2\).*1-d"),
        (lambda: mg.vecdot(normal(2), normal(3)), r"a has shape \(2,\) and b \(3,\)"),
        (lambda: mg.vecdot(normal(2, 2), normal(2, 2), axis=0), "must be negative"),
        (lambda: mg.cross(normal(2), normal(2)), "3 long in both"),
    ],
)
def test_errors_name_the_shapes(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
