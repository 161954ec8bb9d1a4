"""Indexing: NumPy on random keys, indices that repeat or are out of range, sorting, and what stays a constant."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from minigrad.core.op import OPS
from minigrad.gradcheck.samples import all_samples


def numbers(*shape: int) -> np.ndarray[Any, Any]:
    return np.arange(float(math.prod(shape))).reshape(shape)


def pull(f: Any, x: Any, cotangent: Any) -> np.ndarray[Any, Any]:
    """The product of a cotangent with the Jacobian of f at x."""
    return mg.vjp(f, mg.tensor(np.asarray(x, dtype=np.float64)), mg.tensor(cotangent))[1].numpy()


@st.composite
def array_and_key(draw: Any) -> tuple[np.ndarray[Any, Any], Any]:
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    kind = draw(st.sampled_from(["basic", "integers", "mask", "mixed"]))
    if kind == "basic":
        return numbers(*shape), draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    if kind == "mask":
        return numbers(*shape), draw(hnp.arrays(bool, shape))
    if kind == "integers":
        return numbers(*shape), draw(hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(min_dims=0, max_dims=2, max_side=3)))
    count = draw(st.integers(1, 3))
    part = st.sampled_from(["array", "slice", "integer"])
    key = []
    for n in shape:
        indices = draw(hnp.arrays(np.intp, count, elements=st.integers(-n, n - 1)))
        some = slice(draw(st.integers(-n, n)), None, draw(st.sampled_from([1, 2, -1])))
        key.append({"array": indices, "slice": some, "integer": n - 1}[draw(part)])
    return numbers(*shape), tuple(key)


@settings(max_examples=150)
@given(array_and_key())
def test_getitem_picks_what_numpy_picks_and_gives_back_to_it(case: Any) -> None:
    x, key = case
    picked = np.asarray(x[key])
    np.testing.assert_array_equal(mg.tensor(x)[key].numpy(), picked)
    u = np.random.default_rng(0).standard_normal(picked.shape)
    expected = np.zeros(x.shape)
    np.add.at(expected, key, u)
    np.testing.assert_allclose(pull(lambda t: t[key], x, u), expected, atol=1e-15)


def test_tensors_and_lists_within_a_key() -> None:
    x = mg.tensor(numbers(3, 4))
    rows, mask = mg.tensor([2, 0, 2]), mg.tensor([True, False, True])
    for key, same in [
        (rows, [2, 0, 2]),
        ([2, 0, 2], [2, 0, 2]),
        (mask, [True, False, True]),
        ((rows, mg.tensor(1)), ([2, 0, 2], 1)),
        ((slice(None), [0, 3]), (slice(None), [0, 3])),
        (x > 4, x.numpy() > 4),
        (np.int64(1), 1),
    ]:
        np.testing.assert_array_equal(x[key].numpy(), numbers(3, 4)[same])
        u = np.ones(numbers(3, 4)[same].shape)
        expected = np.zeros((3, 4))
        np.add.at(expected, same, u)
        np.testing.assert_array_equal(pull(lambda t, key=key: t[key], x.numpy(), u), expected)
    assert x[[]].shape == (0, 4)


def test_an_index_that_repeats_gets_every_update() -> None:
    np.testing.assert_array_equal(pull(lambda t: t[[1, 1, 1, 0]], np.zeros(3), np.array([1.0, 2, 4, 8])), [8, 7, 0])
    np.testing.assert_array_equal(mg.index_add(np.zeros(3), np.array([1, 1, 2]), np.array([1.0, 2, 4])), [0, 3, 4])
    np.testing.assert_array_equal(mg.add_at(np.zeros(3), 1.0, key=[0, 0]), [2, 0, 0])


@pytest.mark.parametrize(
    "key",
    [((0, 0),), range(-3, 3), (slice(None), (1, 1)), memoryview(np.array([2, 2])), ((),)],
    ids=["tuple", "range", "slice", "memoryview", "empty"],
)
def test_every_kind_of_sequence_in_a_key_counts_as_an_array(key: Any) -> None:
    x = numbers(3, 3)
    u = np.arange(1.0, 1 + x[key].size).reshape(x[key].shape)
    expected = np.zeros(x.shape)
    np.add.at(expected, key, u)
    np.testing.assert_array_equal(pull(lambda t: t[key], x, u), expected)


def test_iteration_goes_over_the_first_axis() -> None:
    x = mg.tensor(numbers(3, 2), requires_grad=True)
    rows = list(x)
    assert len(rows) == len(x) == 3
    (rows[0] * 2 + rows[2]).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[2, 2], [0, 0], [1, 1]])


@pytest.mark.parametrize(
    ("call", "error", "message", "note"),
    [
        (lambda x: x[3], IndexError, "index 3 is out of bounds for axis 0 with size 3", "in getitem(x: float32[3, 4], key=3)"),
        (lambda x: x[[0, 7]], IndexError, "index 7 is out of bounds for axis 0 with size 3", "in getitem"),
        (lambda x: x[0, 0, 0], IndexError, "too many indices", "in getitem"),
        (lambda x: x[0.5], IndexError, "only integers", "in getitem"),
        (lambda x: x[np.array([True, False])], IndexError, "boolean index did not match", "in getitem"),
        (lambda x: mg.take(x, np.array([9]), axis=1), IndexError, "index 9 is out of bounds for axis 1 with size 4", "in take"),
        (lambda x: mg.embedding(x, np.array([9])), IndexError, "index 9 is out of bounds for axis 0 with size 3", "in embedding"),
        (lambda x: mg.take_along_axis(x, np.array([[9]])), IndexError, "index 9 .* axis 1 with size 4", "in take_along_axis"),
        (lambda x: mg.index_add(x, np.array([3]), x[:1], axis=0), IndexError, "index 3 is out of bounds", "in index_add"),
        (lambda x: mg.scatter_add(x, np.array([0]), 1.0), ValueError, r"shape \(1,\) need the 2 axes", "in scatter_add"),
        (lambda x: mg.one_hot(np.array([2]), num_classes=2), IndexError, "index 2 is outside the 2 classes", "in one_hot"),
        (lambda x: mg.take(x, np.array([0])), ValueError, "axis=None is for arrays with one axis", "in take"),
        (lambda x: mg.topk(x, 5), ValueError, "k is 5, and axis 1 has length 4", "in topk"),
    ],
)
def test_errors(call: Any, error: Any, message: str, note: str) -> None:
    with pytest.raises(error, match=message) as raised:
        call(mg.ones((3, 4)))
    assert raised.value.__notes__[0].startswith(note)


def test_assignment_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot be changed by assignment"):
        mg.ones(3)[0] = 1


def test_the_padding_row_of_an_embedding_gets_no_gradient() -> None:
    """Outside finite differences: its values are used, and count as constants."""
    weight, indices = numbers(4, 2), np.array([[0, 3], [3, 2]])
    np.testing.assert_array_equal(mg.embedding(weight, indices, padding_idx=3), weight[indices])
    g = pull(lambda w: mg.embedding(w, indices, padding_idx=3), weight, np.ones((2, 2, 2)))
    np.testing.assert_array_equal(g, [[1, 1], [0, 0], [1, 1], [0, 0]])


@given(hnp.arrays(np.float64, st.integers(0, 6), elements=st.sampled_from([0.0, 1.0, 2.0, np.nan])), st.booleans())
def test_sorting_is_stable_and_nan_is_the_largest(x: np.ndarray[Any, Any], descending: bool) -> None:
    values, indices = mg.sort(mg.tensor(x), descending=descending)
    rank = np.where(np.isnan(x), 9, x)
    expected = sorted(range(len(x)), key=lambda i: -rank[i] if descending else rank[i])
    np.testing.assert_array_equal(indices.numpy(), expected)
    np.testing.assert_array_equal(values.numpy(), x[expected])
    np.testing.assert_array_equal(mg.argsort(mg.tensor(x), descending=descending).numpy(), expected)


def test_topk() -> None:
    values, indices = mg.topk(mg.tensor([[1.0, 4.0, 2.0], [5.0, 0.0, 3.0]], requires_grad=True), 2)
    np.testing.assert_array_equal(indices.numpy(), [[1, 2], [0, 2]])
    assert (values.requires_grad, indices.requires_grad) == (True, False)
    assert mg.topk(mg.ones(3), 0)[0].shape == (0,)


def test_masks_and_positions() -> None:
    x = mg.tensor([[0.0, 2.0], [3.0, 0.0]], requires_grad=True)
    y = mg.masked_fill(x, mg.tensor([[True, False], [False, False]]), -1.0)
    np.testing.assert_array_equal(y.detach().numpy(), [[-1, 2], [3, 0]])
    np.testing.assert_array_equal(mg.grad(y.sum(), x)[0].numpy(), [[0, 1], [1, 1]])
    rows, columns = mg.nonzero(x)
    np.testing.assert_array_equal(x[rows, columns].detach().numpy(), [2, 3])
    assert [p.tolist() for p in mg.nonzero(np.array([0, 5]))] == [[1]]


def test_the_gradient_of_a_slice_is_not_accumulated_element_by_element() -> None:
    """`add.at` is many times slower than an assignment, and only needed where an index repeats."""

    class Forbidden:
        def __getattr__(self, name: str) -> Any:
            if name == "add":
                raise AssertionError("add.at was used")
            return getattr(np, name)

    y = mg.OPS["add_at"].forward(Forbidden(), np.zeros((3, 4)), np.ones(3), key=(slice(None), 1))
    np.testing.assert_array_equal(y[:, 1], 1)
    with pytest.raises(AssertionError):
        mg.OPS["add_at"].forward(Forbidden(), np.zeros(3), np.ones(2), key=np.array([1, 1]))


class On32Bits:
    """NumPy as it is on 32 bits: positions are int32, and ``take`` casts nothing to them that may not fit."""

    intp = np.int32

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def take(x: Any, indices: Any, axis: int | None = None, **options: Any) -> Any:
        if not np.can_cast(indices.dtype, np.int32, "safe"):
            raise TypeError(f"Cannot cast array data from {indices.dtype} to int32 according to the rule 'safe'")
        return np.take(x, indices, axis=axis, **options)


@pytest.mark.parametrize(
    "name", ["take", "embedding", "index_add", "take_along_axis", "scatter_add", "put_along_axis", "getitem", "add_at"]
)
def test_positions_on_32_bits(name: str) -> None:
    for sample in all_samples()[name](np.random.default_rng(0)):
        op, arrays = OPS[name], [np.asarray(a) for a in sample.args]
        expected = op.forward(np, *arrays, **{**op.params, **sample.params})
        np.testing.assert_array_equal(op.forward(On32Bits(), *arrays, **{**op.params, **sample.params}), expected)
