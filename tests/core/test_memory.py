"""Memory that belongs to somebody: the walk takes over only what it made, and a step marks only what it changed."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest
from support.strict_cuda import pretended_gpu

import minigrad as mg
from minigrad import nn, optim


def leaf(*values, dtype=np.float64):
    return mg.tensor(np.asarray(values, dtype), requires_grad=True)


def test_what_a_hook_returns_stays_its_own():
    x, fixed = leaf(1.0, 2.0), mg.tensor(np.array([10.0, 10.0]))
    x.register_hook(lambda g: fixed)
    for _ in range(3):
        (x * 2).sum().backward()
    assert x.grad.tolist() == [30.0, 30.0]
    assert fixed.tolist() == [10.0, 10.0]


def test_what_a_hook_of_a_computed_value_returns_stays_its_own():
    x, fixed = leaf(1.0, 2.0), mg.tensor(np.array([10.0, 10.0]))
    for _ in range(2):
        y = x + 0.0
        y.register_hook(lambda g: fixed)
        y.sum().backward()
    assert (x.grad.tolist(), fixed.tolist()) == ([20.0, 20.0], [10.0, 10.0])


@pytest.mark.parametrize("form", ["kept", "view"])
def test_what_a_formula_of_a_users_op_returns_stays_its_own(form):
    kept = np.array([5.0, 5.0])

    @mg.op
    def odd(xp, x):
        """x, with a gradient that is kept somewhere."""
        return x * 1

    odd.vjp(x=lambda g: kept if form == "kept" else kept[:])
    x = leaf(1.0, 2.0)
    for _ in range(3):
        odd(x).sum().backward()
    assert (x.grad.tolist(), kept.tolist()) == ([15.0, 15.0], [5.0, 5.0])


def test_a_formula_that_returns_its_input_does_not_hand_it_over():
    @mg.op
    def square_half(xp, x):
        """x²/2."""
        return x * x / 2

    square_half.vjp(x=lambda g, x: x)  # right where g is 1
    x = leaf(1.0, 2.0)
    square_half(x).sum().backward()
    square_half(x).sum().backward()
    assert (x.grad.tolist(), x.tolist()) == ([2.0, 4.0], [1.0, 2.0])


@pytest.mark.parametrize("returned", [np.float32, np.float64, np.int64])
def test_a_hook_gives_a_gradient_of_the_dtype_of_the_value(returned):
    x = leaf(1.0, 2.0, dtype=np.float32)
    x.register_hook(lambda g: mg.tensor(np.array([3, 4], returned)))
    (x * 2).sum().backward()
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("elementwise", [optim.SGD, optim.Adam])
def test_swapped_data_is_stepped_where_it_now_is(elementwise):
    a, b = leaf(100.0), leaf(0.0)
    optimizer = elementwise([a, b], lr=1.0)
    for p in (a, b):
        p.grad = mg.tensor(np.array([0.0]))
    optimizer.step()
    a.data, b.data = b.data, a.data
    a.grad, b.grad = mg.tensor(np.array([3.0])), mg.tensor(np.array([2.0]))
    assert (a.item(), b.item()) == (0.0, 100.0)
    optimizer = optimizer if elementwise is optim.SGD else optim.SGD([a, b], lr=1.0)
    optimizer.step()
    assert (a.item(), b.item()) == (-3.0, 98.0)


@pytest.mark.parametrize("change", ["transposed", "reversed", "shared"])
def test_other_arrays_in_place_of_data_are_taken_over(change):
    a = mg.tensor(np.arange(4.0).reshape(2, 2), requires_grad=True)
    b = mg.tensor(np.arange(4.0).reshape(2, 2) + 10, requires_grad=True)
    optimizer = optim.SGD([a, b], lr=1.0)
    a.grad, b.grad = mg.zeros((2, 2), dtype="float64"), mg.zeros((2, 2), dtype="float64")
    optimizer.step()
    if change == "transposed":
        a.data = a.data.T
    elif change == "reversed":
        a.data = a.data[::-1]
    else:
        a.data = b.data
    expected = a.data.copy()
    other = b.data.copy()
    optimizer.step()
    np.testing.assert_array_equal(a.data, expected)
    np.testing.assert_array_equal(b.data, other)
    a.grad = mg.ones((2, 2), dtype="float64")
    optimizer.step()
    np.testing.assert_array_equal(a.data, expected - 1)
    np.testing.assert_array_equal(b.data, other)


def test_arrays_swapped_between_groups_and_given_away_are_not_written_to():
    """What a parameter held before belongs to whoever was given it: another group's parameter, a tensor of the user."""
    a, b, mine = (mg.tensor([value, value], dtype="float64", requires_grad=True) for value in (1.0, 2.0, 3.0))
    optimizer = optim.SGD([{"params": [a]}, {"params": [b]}], lr=1.0)
    for p in (a, b):
        p.grad = mg.zeros(2, dtype="float64")
    optimizer.step()
    a.data, b.data = b.data, a.data
    optimizer.step()
    np.testing.assert_array_equal([a.data, b.data], [[2, 2], [1, 1]])
    mine.data, a.data = a.data, np.array([5.0, 5.0])
    optimizer.step()
    np.testing.assert_array_equal([a.data, mine.data], [[5, 5], [2, 2]])


def test_a_step_forbids_only_graphs_that_saved_what_it_changed():
    a, b = leaf(1.0), leaf(2.0)
    optimizer = optim.SGD([a, b], lr=0.1)
    a.grad = b.grad = mg.tensor(np.array([0.0]))
    optimizer.step()
    uses_b, uses_a = (b * b).sum(), (a * a).sum()
    a.grad, b.grad = mg.tensor(np.array([1.0])), None
    optimizer.step()
    uses_b.backward()
    assert b.grad.item() == pytest.approx(4.0)
    with pytest.raises(RuntimeError, match="changed in place"):
        uses_a.backward()


def test_copy_to_one_view_forbids_overlapping_ones_only():
    base = np.arange(6.0)
    left, right, all_of_it = (mg.Tensor(part, requires_grad=True) for part in (base[:3], base[3:], base))
    graphs = [(t * t).sum() for t in (left, right, all_of_it)]
    left.copy_(np.zeros(3))
    graphs[1].backward()
    for graph in (graphs[0], graphs[2]):
        with pytest.raises(RuntimeError, match="changed in place"):
            graph.backward()


def test_a_checkpoint_refuses_what_was_overwritten_since():
    x = leaf(1.0, 2.0)
    y = mg.checkpoint(lambda t: mg.exp(t), x)
    x.copy_(np.zeros(2))
    with pytest.raises(RuntimeError, match=r"checkpoint.*changed in place"):
        y.sum().backward()


def test_a_checkpoint_refuses_a_function_whose_second_run_has_other_shapes():
    sizes = iter([2, 3])

    def function(t):
        return mg.exp(mg.concat([t] * next(sizes), axis=0)).sum()

    x = leaf(1.0, 2.0)
    y = mg.checkpoint(function, x)
    with pytest.raises(RuntimeError, match=r"checkpoint.*second run"):
        y.backward()


def test_zero_grad_to_zeros_forgets_nan():
    for owner in (nn.Linear(2, 1), None):
        parameters = list(owner.parameters()) if owner is not None else [leaf(1.0)]
        for p in parameters:
            p.grad = mg.Tensor(np.full(p.shape, np.nan, p.dtype))
        (owner or optim.SGD(parameters, lr=0.1)).zero_grad(set_to_none=False)
        assert all(not p.grad.data.any() for p in parameters)


def test_threads_that_add_to_one_leaf_lose_nothing():
    x = mg.tensor(np.zeros(200_000), requires_grad=True)

    def work():
        for _ in range(100):
            (x * 1.0).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert (x.grad.data == 400).all()


def test_copies_of_tensors_and_generators():
    x = leaf(1.0, 2.0)
    x.grad = mg.tensor(np.array([3.0, 4.0]))
    deep, shallow = copy.deepcopy(x), copy.copy(x)
    assert deep.grad.tolist() == [3.0, 4.0]
    assert deep.grad.data is not x.grad.data
    assert shallow.data is x.data
    assert shallow.requires_grad
    generator = mg.random.Generator(3)
    generator.state = {"seed": 3, "counter": 7}
    assert copy.deepcopy(generator).state == copy.copy(generator).state == generator.state


def test_a_hook_gives_a_gradient_of_the_dtype_of_the_value_where_it_is_recorded_too():
    x = leaf(1.0, 2.0, dtype=np.float32)
    x.register_hook(lambda g: g.astype("float64") * 2)
    (g,) = mg.grad((x * x).sum(), x, create_graph=True)
    assert g.dtype == np.float32
    assert g.tolist() == [4.0, 8.0]


def test_overlapping_views_on_a_gpu_are_told_apart():
    with pretended_gpu():
        base = mg.tensor(np.arange(6.0), device="cuda").data
        parts = [base[:3], base[3:], base[::-1][:3], base[4:2:-1]]
        graphs = [(t * t).sum() for t in [mg.Tensor(part, requires_grad=True) for part in parts]]
        mg.Tensor(base[:4]).copy_(mg.zeros(4, dtype="float64", device="cuda"))
        for graph in graphs:  # each holds the element number 3
            with pytest.raises(RuntimeError, match="changed in place"):
                graph.backward()
        last = mg.Tensor(base[4:], requires_grad=True)
        graph = (last * last).sum()
        mg.Tensor(base[:4]).copy_(mg.zeros(4, dtype="float64", device="cuda"))
        graph.backward()
        assert last.grad.tolist() == [8.0, 10.0]


@pytest.mark.parametrize("apply", [mg.square, lambda x: x * x], ids=["one formula", "two formulas"])
def test_an_error_in_a_formula_that_is_run_by_itself_names_the_op(apply):
    y = apply(leaf(1.0, 1e10))
    with np.errstate(over="raise"), pytest.raises(FloatingPointError) as error:
        y.backward(np.array([1.0, 1e308]))
    assert any("in the backward pass of" in note for note in error.value.__notes__)
