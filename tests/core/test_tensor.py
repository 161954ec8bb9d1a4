"""Tensor: making, showing, converting, refusing."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import minigrad as mg


def test_dtypes_of_new_tensors():
    assert mg.Tensor([1.0, 2.0]).dtype == np.float32
    assert mg.Tensor([1, 2]).dtype == np.int64
    assert mg.Tensor([True]).dtype == np.bool_
    assert mg.Tensor(np.ones(2)).dtype == np.float64
    assert mg.Tensor([np.float64(1.0)]).dtype == np.float64
    assert mg.Tensor(np.float64(1.0)).dtype == np.float64


def test_an_array_is_taken_as_it_is():
    a = np.ones(3)
    assert mg.Tensor(a).data is a


@pytest.mark.parametrize("bad", ["text", [[1, 2], [3]], [object()], {"a": 1}, None])
def test_what_is_not_numbers_is_refused(bad):
    with pytest.raises((TypeError, ValueError), match="cannot make a tensor"):
        mg.Tensor(bad)


def test_a_list_of_tensors_is_refused_with_the_way_out():
    with pytest.raises(TypeError, match=r"mg\.stack"):
        mg.Tensor([mg.Tensor([1.0])])


def test_integers_have_no_gradient():
    with pytest.raises(TypeError, match="only floating-point tensors can have a gradient, and this one is int64"):
        mg.Tensor([1, 2], requires_grad=True)


def test_arrays_and_numbers_on_either_side():
    x = mg.Tensor(np.array([1.0, 2.0]), requires_grad=True)
    a = np.array([10.0, 20.0])
    for y in (a * x, x * a, np.float64(2.0) * x, 2.0 * x, a - x, x - a, a / x, x / 2):
        assert isinstance(y, mg.Tensor)
        assert y.requires_grad
    np.testing.assert_array_equal((a - x).data, [9.0, 18.0])
    np.testing.assert_array_equal((2 / x).data, [2.0, 1.0])


@pytest.mark.parametrize("scalar", [2, 2.0, np.float64(2), np.int64(2), np.sqrt(4)], ids=lambda s: type(s).__name__)
def test_a_scalar_of_python_or_numpy_does_not_change_the_dtype(scalar):
    """x / np.sqrt(d) would otherwise turn a float32 model into a float64 one, unseen."""
    for dtype in (np.float32, np.float16):
        x = mg.Tensor(np.ones((2, 3), dtype), requires_grad=True)
        results = [x * scalar, scalar * x, x / scalar, x**scalar, mg.where(x > scalar, x, scalar), mg.maximum(scalar, x)]
        assert [y.dtype for y in results] == [dtype] * len(results)
        (x * scalar).sum().backward()
        assert x.grad.dtype == dtype
    assert (x + np.ones(3)).dtype == np.float64  # an array keeps its dtype


def test_numpy_functions_refuse_a_tensor_rather_than_lose_its_gradient():
    x = mg.tensor([1.0], requires_grad=True)
    for call, says in [
        (lambda: np.exp(x), "np.exp works on arrays and would lose the gradient; use mg.exp"),
        (lambda: np.arctan2(x, 1.0), "use mg.atan2"),
        (lambda: np.add.reduce(x), "np.add.reduce works on arrays"),
        (lambda: np.add(x, 1.0), "use mg.add"),
        (lambda: np.spacing(x), "use an op of minigrad"),
    ]:
        with pytest.raises(TypeError, match=says):
            call()


def test_an_array_takes_up_no_tensor():
    """``w.data -= lr * w.grad`` is what tutorials write."""
    w = mg.tensor([1.0], requires_grad=True)
    w.grad = mg.tensor([1.0])
    with pytest.raises(TypeError, match=r"cannot write a tensor into an array.*tensor\.data"):
        w.data -= 0.1 * w.grad
    w.data -= 0.1 * w.grad.data
    np.testing.assert_allclose(w.data, [0.9], rtol=1e-6)


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "^", "==", "!=", "<", "<=", ">", ">="])
def test_an_array_on_the_left_of_an_operator(symbol):
    a, b = np.array([[5, 3], [2, 7]]), np.array([[2, 3], [3, 1]])
    apply = eval(f"lambda a, b: a {symbol} b")
    for left in (a, np.int64(5)) if symbol != "@" else (a,):
        result = apply(left, mg.tensor(b))
        assert isinstance(result, mg.Tensor)
        np.testing.assert_allclose(result.data, apply(left, b), rtol=1e-6)  # integers divide to float32


def test_a_complex_gradient_of_a_real_input_is_refused():
    x = mg.tensor([1.0], requires_grad=True)
    y = mg.abs(x * mg.tensor(np.array([1 + 2j], np.complex64))).sum()
    with pytest.raises(TypeError, match="the gradient for input 'a' is complex"):
        y.backward()
    assert x.grad is None


def test_truth_length_index_float():
    assert bool(mg.Tensor([1.0]))
    with pytest.raises(ValueError, match="ambiguous"):
        bool(mg.Tensor([1.0, 2.0]))
    with pytest.raises(TypeError, match="0-d"):
        len(mg.Tensor(1.0))
    assert [1, 2, 3][mg.Tensor(1)] == 2
    with pytest.raises(TypeError, match="integer"):
        [1, 2, 3][mg.Tensor(1.0)]
    assert float(mg.Tensor(2.5)) == 2.5
    with pytest.raises(ValueError, match=r"one element.*\(2,\)"):
        mg.Tensor([1.0, 2.0]).item()


def test_assignment_is_refused_with_the_way_out():
    x = mg.Tensor([1.0, 2.0])
    with pytest.raises(TypeError, match=r"mg\.where.*scatter_add"):
        x[0] = 5.0


def test_numpy_refuses_while_a_gradient_is_wanted():
    x = mg.Tensor([1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match=r"detach\(\)"):
        x.numpy()
    with pytest.raises(RuntimeError, match=r"detach\(\)"):
        np.asarray(x)
    assert np.asarray(x.detach()).tolist() == [1.0]
    assert x.detach().data is x.data


def test_copy_overwrites_in_place_or_changes_nothing():
    x = mg.Tensor(np.ones((2, 3)), requires_grad=True)
    memory = x.data
    x.copy_(np.arange(3))
    assert x.data is memory
    assert x.tolist() == [[0.0, 1.0, 2.0]] * 2
    with pytest.raises(ValueError, match=r"source has shape \(4,\), the tensor \(2, 3\)"):
        x.copy_(np.ones(4))
    assert x.tolist() == [[0.0, 1.0, 2.0]] * 2
    with pytest.raises(RuntimeError, match="only a leaf can be overwritten"):
        (x * 2.0).copy_(np.ones((2, 3)))


def test_copy_into_a_read_only_array_takes_new_memory():
    a = np.ones(2)
    a.flags.writeable = False
    x = mg.Tensor(a)
    x.copy_([5.0, 6.0])
    assert a.tolist() == [1.0, 1.0]
    assert x.tolist() == [5.0, 6.0]


@pytest.mark.parametrize("view", [np.s_[::-1], np.s_[::2], np.s_[...]])
def test_dlpack_round_trip_of_views(view):
    a = np.arange(6.0)[view]
    np.testing.assert_array_equal(np.from_dlpack(mg.Tensor(a)), a)


def test_dlpack_exports_a_copy_of_read_only_memory_and_refuses_gradients():
    a = np.arange(3.0)
    a.flags.writeable = False
    np.from_dlpack(mg.Tensor(a))
    with pytest.raises(BufferError, match="detach"):
        np.from_dlpack(mg.Tensor(np.ones(2), requires_grad=True))


def test_deepcopy_of_leaves_only_and_no_pickle():
    x = mg.Tensor([1.0], requires_grad=True)
    y = copy.deepcopy(x)
    y.copy_([2.0])
    assert x.item() == 1.0
    assert y.requires_grad
    with pytest.raises(RuntimeError, match="detach"):
        copy.deepcopy(x * 2.0)
    with pytest.raises(TypeError, match="safetensors"):
        pickle.dumps(x)


def test_requires_grad_of_a_computed_tensor_cannot_be_switched_off():
    x = mg.Tensor([1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="computed by multiply"):
        (x * 2.0).requires_grad = False
    x.requires_grad = False
    assert not x.requires_grad


def test_grad_can_be_set_only_with_the_right_shape():
    x = mg.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match=r"float32\[2\], not a Tensor of float64\[3\]"):
        x.grad = mg.Tensor(np.ones(3))
    x.grad = mg.Tensor([1.0, 1.0])
    x.grad = None
    assert x.grad is None


def test_repr_says_what_is_not_obvious():
    x = mg.Tensor(np.array([1.0, 2.0]), requires_grad=True)
    assert repr(x) == "tensor([1., 2.], dtype=float64, requires_grad=True)"
    assert repr(mg.exp(mg.Tensor(0.0, requires_grad=True))) == "tensor(1., made_by=exp)"
    assert repr(mg.Tensor(np.zeros((0, 3), np.float32))) == "tensor([], shape=(0, 3))"


def test_html_holds_the_facts_and_escapes():
    x = mg.Tensor(np.array([[1.0, -2.0], [np.nan, 0.0]]), requires_grad=True)
    page = x._repr_html_()
    assert "(2, 2)" in page
    assert "float64" in page
    assert "not finite" in page
    assert "<script" not in page


def test_iteration_and_unpacking():
    a, b = mg.Tensor([1.0, 2.0], requires_grad=True)
    (a * b).backward()


@pytest.mark.parametrize(
    ("mistake", "cure"),
    [
        (lambda: mg.zeros(2, 3), r"zeros\(\(2, 3\)\)"),
        (lambda: mg.ones(2, 3), r"ones\(\(2, 3\)\)"),
        (lambda: mg.Tensor(2, 3), r"mg\.zeros"),
        (lambda: mg.data.DataLoader(mg.data.digits()), r"data\.digits\(\)\.train"),
        (lambda: mg.optim.clip_grad_norm_(mg.nn.Linear(2, 2), 1.0), r"model\.parameters\(\)"),
    ],
)
def test_habits_from_elsewhere_are_answered_with_the_cure(mistake, cure):
    with pytest.raises(TypeError, match=cure):
        mistake()


class TestTheGradientThatATensorHolds:
    def test_asking_twice_changes_nothing(self):
        x = mg.ones(2).requires_grad_()
        node = x.node
        x.requires_grad_()
        assert x.node is node
        y = x * 2
        assert y.requires_grad_() is y
        with pytest.raises(RuntimeError, match=r"computed by multiply; use detach\(\)"):
            y.requires_grad_(False)
        x.requires_grad = False
        assert x.node is None

    def test_where_there_can_be_none(self):
        x = mg.ones(2)
        x.grad = None
        with pytest.raises(RuntimeError, match="only a leaf tensor with requires_grad=True"):
            x.grad = mg.ones(2)
        with pytest.raises(RuntimeError, match=r"retain_grad\(\) on a tensor that does not require"):
            x.retain_grad()
        with pytest.raises(RuntimeError, match="would never be called"):
            x.register_hook(print)

    def test_retaining_twice_keeps_it_once(self):
        x = mg.ones(2).requires_grad_()
        y = x * 2
        y.retain_grad()
        y.retain_grad()
        y.sum().backward()
        np.testing.assert_array_equal(y.grad.data, [1, 1])

    def test_a_gradient_of_a_graph_is_added_to_one_that_has_a_graph(self):
        x = mg.ones(2).requires_grad_()
        for _ in range(2):
            (x**2).sum().backward(create_graph=True)
        assert x.grad.node is not None
        np.testing.assert_array_equal(x.grad.data, [4, 4])
