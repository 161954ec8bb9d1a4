"""Shape ops: NumPy on random shapes, aliases that arrays and Tensors share, views, and errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from minigrad.core.device import CPU

SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def numbers(*shape: int) -> np.ndarray[Any, Any]:
    return np.arange(float(math.prod(shape))).reshape(shape)


def pull(f: Any, x: Any, cotangent: Any) -> np.ndarray[Any, Any]:
    """The product of a cotangent with the Jacobian of f at x."""
    return mg.vjp(f, mg.tensor(np.asarray(x, dtype=np.float64)), mg.tensor(cotangent))[1].numpy()


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3))
def test_broadcasting_is_undone(shapes: Any) -> None:
    """<u, broadcast(x)> = <unbroadcast(u), x>, for both operands of a sum."""
    rng = np.random.default_rng(0)
    a, b = [mg.tensor(rng.standard_normal(s), requires_grad=True) for s in shapes.input_shapes]
    u = rng.standard_normal(shapes.result_shape)
    y = a + b
    assert y.shape == shapes.result_shape
    for x, g in zip((a, b), mg.grad(y, (a, b), mg.tensor(u)), strict=True):
        spread = np.broadcast_to(x.detach().numpy(), u.shape)
        assert g.shape == x.shape
        np.testing.assert_allclose((u * spread).sum(), (g.numpy() * x.detach().numpy()).sum(), atol=1e-12)


@given(SHAPES, st.data())
def test_broadcast_to(shape: tuple[int, ...], data: Any) -> None:
    target = (*data.draw(st.lists(st.integers(0, 3), max_size=2)), *[data.draw(st.integers(0, 3)) if n == 1 else n for n in shape])
    x = numbers(*shape)
    np.testing.assert_array_equal(mg.broadcast_to(mg.tensor(x), target).numpy(), np.broadcast_to(x, target))
    g = pull(lambda t: mg.broadcast_to(t, target), x, np.ones(target))
    np.testing.assert_array_equal(g, np.full(shape, math.prod(target) / max(x.size, 1)))


@given(SHAPES.filter(len), st.data())
def test_split_and_concat_are_inverse(shape: tuple[int, ...], data: Any) -> None:
    x = numbers(*shape)
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    cuts = sorted(data.draw(st.lists(st.integers(0, shape[axis]), max_size=3)))
    pieces = mg.split(mg.tensor(x), cuts, axis)
    for ours, theirs in zip(pieces, np.split(x, cuts, axis), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs)
    np.testing.assert_array_equal(mg.concat(pieces, axis).numpy(), x)
    u = np.random.default_rng(0).standard_normal(shape)
    np.testing.assert_array_equal(pull(lambda t: mg.concat(mg.split(t, cuts, axis), axis), x, u), u)


@given(SHAPES.filter(len), st.data())
def test_unstack_and_stack_are_inverse(shape: tuple[int, ...], data: Any) -> None:
    x = numbers(*shape)
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    slices = mg.unstack(mg.tensor(x), axis)
    assert len(slices) == shape[axis]
    if slices:
        np.testing.assert_array_equal(mg.stack(slices, axis).numpy(), x)


@given(SHAPES, st.data())
def test_axes_change_places_as_in_numpy(shape: tuple[int, ...], data: Any) -> None:
    x, ndim = numbers(*shape), len(shape)
    order = tuple(a - ndim * data.draw(st.booleans()) for a in data.draw(st.permutations(range(ndim))))
    np.testing.assert_array_equal(mg.permute_dims(mg.tensor(x), order).numpy(), np.transpose(x, order))
    u = np.random.default_rng(0).standard_normal(np.transpose(x, order).shape)
    back = np.argsort([a % ndim for a in order]).astype(int)
    np.testing.assert_array_equal(pull(lambda t: mg.permute_dims(t, order), x, u), np.transpose(u, back))


@given(SHAPES.filter(len), st.data())
def test_padding_is_that_of_numpy(shape: tuple[int, ...], data: Any) -> None:
    shape = tuple(n + 2 for n in shape)
    x = numbers(*shape)
    widths = [(data.draw(st.integers(0, 5)), data.draw(st.integers(0, 5))) for _ in shape[:3]] + [(0, 0)] * len(shape[3:])
    mode = data.draw(st.sampled_from(["constant", "reflect", "edge", "wrap"]))
    padded = np.pad(x, widths, mode)
    np.testing.assert_array_equal(mg.pad(mg.tensor(x), widths, mode).numpy(), padded)
    counted = np.bincount(padded[np.pad(np.ones(shape), widths, mode) > 0].astype(int), minlength=x.size).reshape(shape)
    if mode != "constant":
        np.testing.assert_array_equal(pull(lambda t: mg.pad(t, widths, mode), x, np.ones(padded.shape)), counted)


@pytest.mark.parametrize(
    "use",
    [
        lambda x: x.T,
        lambda x: x.transpose(),
        lambda x: x.transpose(1, 0, 2),
        lambda x: x.transpose((2, -3, 1)),
        lambda x: x.swapaxes(0, -1),
        lambda x: x.reshape(4, 3, 2),
        lambda x: x.reshape((-1, 3)),
        lambda x: x.reshape(-1),
        lambda x: x.reshape([6, 4]),
        lambda x: x.flatten(),
        lambda x: x.ravel(),
        lambda x: x[None].squeeze(0),
        lambda x: x[:, None, :, None].squeeze(),
        lambda x: x.repeat(2, 1),
        lambda x: x.repeat(2),
        lambda x: x.mT,
        lambda x: x.take(x[0, 0].argsort(), 2),
        lambda x: x.cumsum(1),
        lambda x: x.cumprod(-1),
        lambda x: x.copy(),
    ],
)
def test_methods_do_the_same_on_arrays_and_tensors(use: Any) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    ours = use(mg.tensor(x))
    assert isinstance(ours, mg.Tensor)
    np.testing.assert_array_equal(ours.numpy(), use(x))


def test_views_stay_views() -> None:
    x = mg.zeros((2, 3))
    for y in (x.T, x.reshape(3, 2), x[1:], x[None].squeeze(0), mg.expand_dims(x, 0), mg.flip(x), mg.broadcast_to(x, (2, 2, 3)), x.ravel()):
        assert np.shares_memory(x.data, y.data)
    assert not np.shares_memory(x.data, x.copy().data)


def test_compositions() -> None:
    x = mg.tensor(numbers(2, 3, 4))
    assert mg.flatten(x, 1).shape == (2, 12)
    assert mg.flatten(x, 0, 1).shape == (6, 4)
    assert mg.flatten(mg.tensor(1.0)).shape == (1,)
    assert mg.atleast_nd(x, 5).shape == (1, 1, 2, 3, 4)
    assert mg.atleast_nd(x, 2) is x
    assert mg.concat([x, x], axis=None).shape == (48,)
    assert [y.shape for y in mg.broadcast_arrays(x, mg.ones((3, 1)))] == [(2, 3, 4)] * 2
    assert [y.shape[2] for y in mg.chunk(x, 3, axis=2)] == [2, 2]
    assert [y.shape[0] for y in mg.chunk(mg.ones(7), 3)] == [3, 3, 1]
    assert [y.shape[0] for y in mg.split(mg.ones(6), 3)] == [2, 2, 2]
    assert [y.shape[0] for y in mg.split(mg.ones(0), 2)] == [0, 0]
    np.testing.assert_array_equal(mg.trace(x, 1).numpy(), np.trace(x.numpy(), 1, 1, 2))
    np.testing.assert_array_equal(mg.diag(mg.diag(mg.tensor([1.0, 2.0]), 1), 1).numpy(), [1, 2])


def test_tile_takes_a_list_of_repetitions() -> None:
    x = mg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    mg.tile(x, [2, 3]).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.full((2, 3), 6.0))


def test_joining_constants_records_nothing() -> None:
    assert not mg.concat([mg.ones(2), mg.ones(1)]).requires_grad
    assert not mg.stack([mg.ones(2), mg.ones(2)]).requires_grad


def test_concat_of_different_dtypes() -> None:
    a, b = mg.ones(2, requires_grad=True), mg.ones(1, dtype="float64", requires_grad=True)
    y = mg.concat([a, b, mg.tensor([3])])
    assert y.dtype == np.float64
    y.sum().backward()
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)


def test_to() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    assert x.to("cpu") is x
    assert x.to(np.float32) is x
    y = x.to("float64")
    (y * mg.tensor([3.0, 4.0])).to(dtype=np.float16, device=CPU).sum().backward()
    assert y.dtype == np.float64
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad.numpy(), [3, 4])
    assert not x.to(int).requires_grad


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.reshape(4, 2), ValueError, "cannot reshape"),
        (lambda x: mg.broadcast_to(x, (3, 3)), ValueError, "broadcast"),
        (lambda x: x.squeeze(0), ValueError, "size not equal to one"),
        (lambda x: mg.concat([x, x[:, :2]]), ValueError, "dimensions"),
        (lambda x: mg.concat([x, x], axis=2), np.exceptions.AxisError, "out of bounds"),
        (lambda x: mg.stack([x, x[0]]), ValueError, "same shape"),
        (lambda x: mg.split(x, 2, axis=1), ValueError, "length 3, which cannot be cut into 2"),
        (lambda x: mg.chunk(x, 0), ValueError, "at least one"),
        (lambda x: mg.pad(x, 1, "mirror"), ValueError, "unknown mode 'mirror'"),
        (lambda x: mg.pad(x, ((1, 1), (1, 1), (1, 1))), ValueError, "a pair for each of 2 axes"),
        (lambda x: mg.flatten(x, 1, 0), ValueError, "comes after"),
        (lambda x: mg.diagonal(x[0]), ValueError, "at least two axes"),
        (lambda x: mg.diag_embed(x, shape=(2, 2)), ValueError, "does not have length 3"),
        (lambda x: mg.matrix_transpose(x[0]), ValueError, "at least two axes"),
    ],
)
def test_errors(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call(mg.ones((2, 3)))
