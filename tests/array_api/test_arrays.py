"""Creation, types, shapes, indices: arguments, what is copied, what is refused; beside NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from array_api.standard import ALL, FLOATS, INTEGERS, NUMBERS, arrays, calmly, quick, same, xp, xps
from hypothesis import given, strategies as st

SOME = xps.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)

# ------------------------------------------------------------------------------------------------------------ creation


@pytest.mark.parametrize("dtype", [None, *ALL], ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (2, 3), 4])
def test_filled(dtype: Any, shape: Any) -> None:
    default = dtype or xp.float32
    same(xp.zeros(shape, dtype=dtype), np.zeros(shape, default))
    same(xp.ones(shape, dtype=dtype), np.ones(shape, default))
    assert (xp.empty(shape, dtype=dtype).dtype, xp.empty(shape, dtype=dtype).shape) == (default, np.zeros(shape).shape)
    for value, kind in ((True, xp.bool), (3, xp.int64), (2.0, xp.float32)):
        same(xp.full(shape, value, dtype=dtype), np.full(shape, value, dtype or kind))
    like = xp.ones(shape, dtype=xp.int16)
    same(xp.zeros_like(like, dtype=dtype), np.zeros(shape, dtype or xp.int16))
    same(xp.ones_like(like, dtype=dtype), np.ones(shape, dtype or xp.int16))
    same(xp.full_like(like, 1, dtype=dtype), np.full(shape, 1, dtype or xp.int16))
    assert xp.empty_like(like, dtype=dtype).dtype == (dtype or xp.int16)


@quick
@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-5, 5).filter(bool), st.sampled_from([None, xp.int32, xp.float64]))
def test_arange(start: int, stop: int, step: int, dtype: Any) -> None:
    same(xp.arange(start, stop, step, dtype=dtype), np.arange(start, stop, step, dtype=dtype or np.int64))
    same(xp.arange(start, dtype=dtype), np.arange(start, dtype=dtype or np.int64))
    same(xp.arange(start / 2, stop / 2, step / 4, dtype=xp.float64), np.arange(start / 2, stop / 2, step / 4))


@quick
@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.integers(0, 9), st.booleans(), st.sampled_from(FLOATS))
def test_linspace(start: float, stop: float, num: int, endpoint: bool, dtype: Any) -> None:
    y = xp.linspace(start, stop, num, dtype=dtype, endpoint=endpoint)
    assert (y.shape, y.dtype) == ((num,), dtype)
    np.testing.assert_allclose(y.numpy(), np.linspace(start, stop, num, endpoint=endpoint), rtol=1e-6, atol=1e-4)
    assert not num or y[0].item() == dtype.type(start)
    assert not (num > 1 and endpoint) or y[-1].item() == dtype.type(stop)


@quick
@given(st.integers(0, 5), st.none() | st.integers(0, 5), st.integers(-6, 6), st.sampled_from([None, *ALL]))
def test_eye_and_triangles(rows: int, columns: int | None, k: int, dtype: Any) -> None:
    same(xp.eye(rows, columns, k=k, dtype=dtype), np.eye(rows, columns, k=k, dtype=dtype or np.float32))
    x = xp.ones((2, rows, columns or 1), dtype=dtype)
    same(xp.tril(x, k=k), np.tril(x.numpy(), k=k))
    same(xp.triu(x, k=k), np.triu(x.numpy(), k=k))


@pytest.mark.parametrize("indexing", ["xy", "ij"])
def test_meshgrid(indexing: Any) -> None:
    parts = [np.arange(n, dtype=np.int16) for n in (3, 2, 4)]
    for k in range(4):
        same(xp.meshgrid(*[xp.asarray(a) for a in parts[:k]], indexing=indexing), np.meshgrid(*parts[:k], indexing=indexing))


def test_asarray_of_python_values() -> None:
    for value, dtype in (
        (True, xp.bool),
        (3, xp.int64),
        (0.5, xp.float32),
        ([[1, 2]], xp.int64),
        ([], xp.float32),
        ((True, False), xp.bool),
    ):
        same(xp.asarray(value), np.asarray(value, dtype=dtype))
    same(xp.asarray([1, 2.5]), np.asarray([1, 2.5], dtype=np.float32))
    for dtype in ALL:
        same(xp.asarray([0, 1], dtype=dtype), np.asarray([0, 1], dtype=dtype))
    assert xp.asarray(xp.asarray([1, 2]), dtype=xp.float64).dtype == xp.float64


def test_what_is_shared_and_what_is_copied() -> None:
    x = xp.asarray(np.arange(6.0).reshape(2, 3))
    for copy in (None, False):
        assert np.shares_memory(xp.asarray(x, copy=copy).data, x.data)
        assert np.shares_memory(xp.from_dlpack(x, copy=copy).data, x.data)
        assert np.shares_memory(xp.reshape(x, (3, 2), copy=copy).data, x.data)
    assert np.shares_memory(xp.astype(x, x.dtype, copy=False).data, x.data)
    for y in (xp.asarray(x, copy=True), xp.from_dlpack(x, copy=True), xp.reshape(x, (3, 2), copy=True), xp.astype(x, x.dtype)):
        assert not np.shares_memory(y.data, x.data)
        assert y.numpy().ravel().tolist() == list(range(6))
    assert xp.reshape(x.T, (6,)).tolist() == [0, 3, 1, 4, 2, 5]
    with pytest.raises(ValueError, match=r"reshape: copy=False, and x of shape \(3, 2\) becomes \(6,\) only by a copy"):
        xp.reshape(x.T, (6,), copy=False)


@quick
@given(arrays(ALL, allow_nan=False, allow_infinity=False), st.sampled_from(ALL))
@calmly
def test_astype(x: Any, dtype: Any) -> None:
    y = xp.astype(x, dtype, device="cpu")
    if x.dtype.kind == "f" and dtype.kind in "iu" and ((x.numpy() < 0) | (x.numpy() > 100)).any():
        assert (y.dtype, y.shape) == (dtype, x.shape)  # the standard leaves open what becomes of what does not fit
    else:
        same(y, x.numpy().astype(dtype))


# ------------------------------------------------------------------------------------------------------------- shapes


@quick
@given(arrays(ALL, SOME), st.data())
def test_one_array_in_another_arrangement(x: Any, data: Any) -> None:
    n = x.numpy()
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    several = data.draw(xps.valid_tuple_axes(x.ndim))
    order = tuple(data.draw(st.permutations(range(x.ndim))))
    new = data.draw(st.integers(-x.ndim - 1, x.ndim))
    shift = data.draw(st.integers(-7, 7))
    same(xp.expand_dims(x, axis=new), np.expand_dims(n, new))
    same(xp.expand_dims(x), n[None])
    same(xp.squeeze(xp.expand_dims(x, axis=new), new), n)
    for axes in (None, axis, several):
        same(xp.flip(x, axis=axes), np.flip(n, axes))
    same(xp.permute_dims(x, order), np.permute_dims(n, order))
    same(xp.moveaxis(x, axis, 0), np.moveaxis(n, axis, 0))
    same(xp.reshape(x, (-1,)), n.reshape(-1))
    same(xp.reshape(x, (1, *x.shape)), n[None])
    same(xp.roll(x, shift), np.roll(n, shift))
    same(xp.roll(x, shift, axis=axis), np.roll(n, shift, axis=axis))
    same(xp.roll(x, (shift, 1), axis=(axis, axis)), np.roll(n, (shift, 1), axis=(axis, axis)))
    same(xp.unstack(x, axis=axis), list(np.moveaxis(n, axis, 0)))
    same(xp.tile(x, (2, 1, 2)), np.tile(n, (2, 1, 2)))
    same(xp.tile(x, ()), np.tile(n, ()))
    times = data.draw(xps.arrays(xp.int64, (x.shape[axis],), elements={"min_value": 0, "max_value": 3}, fill=st.nothing()))
    same(xp.repeat(x, times, axis=axis), np.repeat(n, times.numpy(), axis=axis))
    same(xp.repeat(x, 2, axis=axis), np.repeat(n, 2, axis=axis))
    same(xp.repeat(x, xp.asarray([2])), np.repeat(n, 2))


@quick
@given(arrays(NUMBERS, SOME), st.data())
def test_joining(x: Any, data: Any) -> None:
    n, axis = x.numpy(), data.draw(st.integers(-x.ndim, x.ndim - 1))
    same(xp.concat([x, x, x], axis=axis), np.concat([n, n, n], axis=axis))
    same(xp.concat((x, xp.zeros(2, dtype=x.dtype)), axis=None), np.concat((n, np.zeros(2, n.dtype)), axis=None))
    place = data.draw(st.integers(-x.ndim - 1, x.ndim))
    same(xp.stack([x, x], axis=place), np.stack([n, n], axis=place))


@quick
@given(xps.mutually_broadcastable_shapes(3, max_dims=3, min_side=0), st.data())
def test_broadcasting(shapes: Any, data: Any) -> None:
    parts = [data.draw(arrays(NUMBERS, st.just(shape))) for shape in shapes.input_shapes]
    together = xp.broadcast_arrays(*parts)
    same(together, list(np.broadcast_arrays(*[part.numpy() for part in parts])))
    same(xp.broadcast_to(parts[0], shapes.result_shape), np.broadcast_to(parts[0].numpy(), shapes.result_shape))


def test_shapes_that_do_not_fit_are_refused() -> None:
    x = xp.ones((2, 3))
    for call in (
        lambda: xp.squeeze(x, 0),
        lambda: xp.reshape(x, (4,)),
        lambda: xp.broadcast_to(x, (3, 2)),
        lambda: xp.concat([x, xp.ones((3, 2))], axis=1),
        lambda: xp.stack([x, xp.ones((3, 2))]),
        lambda: xp.expand_dims(x, axis=3),
        lambda: xp.permute_dims(x, (0, 0)),
        lambda: xp.nonzero(xp.ones(())),
        lambda: x + xp.ones((2, 2)),
    ):
        with pytest.raises((ValueError, IndexError)):
            call()
    with pytest.raises(IndexError):
        xp.expand_dims(x, axis=3)


# ------------------------------------------------------------------------------------------------------------- indices


@quick
@given(arrays(ALL, xps.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4)), st.data())
def test_basic_indices(x: Any, data: Any) -> None:
    key = data.draw(xps.indices(x.shape, allow_newaxis=True))
    same(x[key], x.numpy()[key])


@quick
@given(arrays(ALL, SOME), st.data())
def test_masks_and_positions(x: Any, data: Any) -> None:
    n = x.numpy()
    mask = data.draw(xps.arrays(xp.bool, x.shape, fill=st.nothing()))
    same(x[mask], n[mask.numpy()])
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    length = x.shape[axis]
    positions = st.integers(-length, length - 1)
    where = xp.asarray(
        data.draw(st.lists(positions, min_size=1, max_size=5)), dtype=data.draw(st.sampled_from([xp.int64, xp.int32, xp.int8]))
    )
    same(xp.take(x, where, axis=axis), np.take(n, where.numpy(), axis=axis))
    if x.ndim == 1:
        same(xp.take(x, where), np.take(n, where.numpy()))
        same(x[where], n[where.numpy()])
    order = xp.argsort(x, axis=axis)
    same(xp.take_along_axis(x, order, axis=axis), np.take_along_axis(n, order.numpy(), axis=axis))
    if x.ndim > 1:
        first = xp.asarray([0, -1])
        same(x[first, first], n[[0, -1], [0, -1]])
        same(x[first, 0], n[[0, -1], 0])


# ------------------------------------------------------------------------------------------------------ linear algebra


@quick
@given(st.data(), st.sampled_from([*FLOATS, *INTEGERS]))
@calmly
def test_products(data: Any, dtype: Any) -> None:
    batch = data.draw(xps.mutually_broadcastable_shapes(2, max_dims=2, max_side=3))
    (m, k, n), (first, second) = data.draw(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 4))), batch.input_shapes
    rng = np.random.default_rng(m + 10 * k + 100 * n)

    def drawn(*shape: int) -> Any:
        return rng.integers(0, 5, shape).astype(dtype)

    a, b = drawn(*first, m, k), drawn(*second, k, n)
    x, y = xp.asarray(a), xp.asarray(b)
    same(xp.matmul(x, y), np.matmul(a, b))
    same(xp.matrix_transpose(x), np.matrix_transpose(a))
    same(xp.vecdot(x, xp.matrix_transpose(y)[..., :1, :]), np.vecdot(a, b.mT[..., :1, :]))
    p, q = drawn(2, 3, 4), drawn(3, 4, 5)
    for axes in (2, 1, 0, ((1, 2), (0, 1)), ((2,), (1,))):
        if axes == 1:
            same(xp.tensordot(xp.asarray(p), xp.asarray(q.swapaxes(0, 1)), axes=1), np.tensordot(p, q.swapaxes(0, 1), axes=1))
        else:
            same(xp.tensordot(xp.asarray(p), xp.asarray(q), axes=axes), np.tensordot(p, q, axes=axes))


LINALG: dict[str, list[dict[str, Any]]] = {
    "cholesky": [{}, {"upper": True}],
    "det": [{}],
    "diagonal": [{}, {"offset": 1}, {"offset": -2}],
    "eigvalsh": [{}],
    "inv": [{}],
    "matrix_norm": [{"ord": order, "keepdims": keep} for order in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf) for keep in (False, True)],
    "matrix_rank": [{}, {"rtol": 0.5}],
    "matrix_transpose": [{}],
    "pinv": [{}, {"rtol": 0.5}],
    "slogdet": [{}],
    "svdvals": [{}],
    "trace": [{}, {"offset": 1}, {"dtype": np.float64}],
    "vector_norm": [{"ord": order} for order in (2, 1, 3, 0, 0.5, np.inf, -np.inf)] + [{"axis": (0, -1), "keepdims": True}, {"axis": 1}],
}


@pytest.mark.parametrize("name", LINALG)
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("batch", [(), (2,), (2, 1), (0,)])
def test_functions_of_symmetric_matrices(name: str, dtype: Any, batch: tuple[int, ...]) -> None:
    a = np.random.default_rng(1).normal(size=(*batch, 3, 3))
    a = (a @ a.mT + np.eye(3)).astype(dtype)
    for options in LINALG[name]:
        if name == "vector_norm" and 0 in batch and abs(options.get("ord", 2)) == np.inf:
            continue
        if "axis" in options and a.ndim < 3:
            options = {**options, "axis": -1}
        if name == "trace" and "dtype" in options and not batch:
            assert xp.linalg.trace(xp.asarray(a), **options).dtype == np.float64
        theirs = getattr(np.linalg, name)(a, **({"rtol": None} if name == "pinv" and not options else {}), **options)
        same(getattr(xp.linalg, name)(xp.asarray(a), **options), theirs, ulps=300, atol=1e-4 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_solving_crossing_and_powers(dtype: Any) -> None:
    rng = np.random.default_rng(2)
    a, b = (rng.normal(size=shape).astype(dtype) for shape in ((2, 1, 3, 3), (4, 3, 2)))
    loose = {"ulps": 500, "atol": 1e-4 if dtype == np.float32 else 1e-12}
    same(xp.linalg.solve(xp.asarray(a), xp.asarray(b)), np.linalg.solve(a, b), **loose)
    same(xp.linalg.solve(xp.asarray(a), xp.asarray(b[0, :, 0])), np.linalg.solve(a, b[0, :, 0]), **loose)
    for n in (-2, -1, 0, 1, 2, 5):
        same(xp.linalg.matrix_power(xp.asarray(a), n), np.linalg.matrix_power(a, n), **loose)
    u, v = (rng.normal(size=shape).astype(dtype) for shape in ((4, 3), (2, 1, 3)))
    same(xp.linalg.cross(xp.asarray(u), xp.asarray(v)), np.linalg.cross(u, v), ulps=8)
    same(xp.linalg.cross(xp.asarray(u.T), xp.asarray(u.T), axis=-2), np.linalg.cross(u.T, u.T, axis=-2), atol=1e-6)
    same(xp.linalg.outer(xp.asarray(u[0]), xp.asarray(u[:, 0])), np.linalg.outer(u[0], u[:, 0]))
    for name in ("matmul", "tensordot", "vecdot"):
        assert getattr(xp.linalg, name) is getattr(xp, name)
