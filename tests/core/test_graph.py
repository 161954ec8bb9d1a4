"""The graph and the walk: order, accumulation, memory, freeing, hooks, changes in place, threads."""

from __future__ import annotations

import gc
import itertools
import threading
import weakref

import numpy as np
import pytest

import minigrad as mg
from minigrad.core import graph
from minigrad.core._fast_calls import specialise
from minigrad.core.device import _chosen
from minigrad.core.mode import mode
from minigrad.core.op import Op


def leaf(*values: float) -> mg.Tensor:
    return mg.Tensor(np.array(values), requires_grad=True)


# ------------------------------------------------------------------------------------------------------------ torture


def test_doubling_sixty_times_visits_each_node_once():
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**60


def test_diamond_grid():
    x = leaf(1.0)
    row = [x] * 8
    for _ in range(8):  # every cell is the sum of its neighbours, so the number of paths is a binomial coefficient
        row = [row[0], *[a + b for a, b in itertools.pairwise(row)]]
    row[-1].backward()
    assert x.grad.item() == row[-1].item()


def test_same_tensor_twice_in_one_op():
    x = leaf(3.0)
    (x * x).backward()
    assert x.grad.item() == 6.0


def test_ten_thousand_uses_of_one_leaf():
    x = leaf(2.0)
    total = x * 0.0
    for _ in range(10_000):
        total = total + x * 3.0
    total.backward()
    assert x.grad.item() == 30_000.0


@pytest.mark.parametrize("depth", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_a_deep_chain(depth):
    x = leaf(1.0)
    y = x
    for _ in range(depth):
        y = y * 1.0
    y.backward()
    assert x.grad.item() == 1.0
    del y  # freeing must not recurse either


def test_an_output_never_used_costs_nothing():
    x = leaf(1.0, 2.0)
    y = x * 2.0
    x * 100.0
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_leaf_as_output():
    x = leaf(5.0)
    x.backward()
    assert x.grad.item() == 1.0


def test_add_hands_one_cotangent_to_two_leaves_that_do_not_share_it():
    a, b = leaf(1.0), leaf(2.0)
    start = np.array([1.0])
    (a + b).backward(start)
    a.grad.data[...] = 7.0
    assert b.grad.item() == 1.0
    assert start.item() == 1.0


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_of_leaves_are_memory_of_their_own_that_can_be_changed(create_graph):
    x, y, seed = leaf(1.0, 2.0), leaf(3.0, 4.0), mg.Tensor(np.array([3.0, 4.0]))
    (x + y).backward(seed, create_graph=create_graph)
    mg.optim.clip_grad_norm_([x, y], 1.0)  # scales the gradients where they are
    np.testing.assert_allclose(x.grad.data, np.array([3.0, 4.0]) / np.sqrt(50), rtol=1e-6)
    np.testing.assert_array_equal(x.grad.data, y.grad.data)
    np.testing.assert_array_equal(seed.data, [3.0, 4.0])
    x.grad = None
    x.sum().backward(create_graph=create_graph)  # a broadcast view, which is read-only
    mg.optim.clip_grad_value_([x], 0.5)
    np.testing.assert_array_equal(x.grad.data, [0.5, 0.5])


def test_fan_out_through_add_does_not_corrupt_a_neighbour():
    x, y = leaf(1.0), leaf(1.0)
    w = (x + y) + x
    w.backward()
    assert (x.grad.item(), y.grad.item()) == (2.0, 1.0)


# ------------------------------------------------------------------------------------------------------------- memory


def live_nodes() -> int:
    return sum(issubclass(type(o), (graph.Node, mg.Tensor)) for o in gc.get_objects())  # isinstance would ask o.__class__, and run code


def test_no_tensor_or_node_outlives_a_training_step_without_the_garbage_collector():
    w = mg.Tensor(np.ones((4, 4), np.float32), requires_grad=True)
    data = np.ones((8, 4), np.float32)

    def step() -> None:
        loss = (mg.tanh(data @ w) * 2.0).sum()
        loss.backward()
        w.copy_(w.data - 0.1 * w.grad.data)
        w.grad = None

    gc.collect()
    gc.disable()
    try:
        step()
        after_one = live_nodes()
        for _ in range(200):
            step()
        assert live_nodes() == after_one
    finally:
        gc.enable()


def test_backward_frees_what_was_saved_as_it_goes():
    x = leaf(1.0, 2.0)
    y = mg.exp(x)
    kept = weakref.ref(y.data)
    z = (y * 2.0).sum()
    del y
    assert kept() is not None
    z.backward()
    assert kept() is None


def test_only_what_a_formula_names_is_kept():
    x = leaf(1.0, 2.0)
    y = mg.exp(x)
    assert len(y.node.saved) == 1
    assert y.node.saved[0] is y.data
    z = x + 1.0
    assert z.node.saved == ()


# ----------------------------------------------------------------------------------------------------------- semantics


def test_backward_twice_says_what_to_do():
    x = leaf(1.0)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match=r"multiply a second time.*retain_graph=True"):
        y.backward()


def test_retain_graph_accumulates():
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12.0


def test_backward_from_a_non_scalar_needs_a_gradient():
    y = leaf(1.0, 2.0) * 2.0
    with pytest.raises(RuntimeError, match=r"shape \(2,\).*\.sum\(\)"):
        y.backward()
    with pytest.raises(ValueError, match=r"shape \(3,\).*\(2,\)"):
        y.backward(np.ones(3))


def test_backward_without_anything_to_differentiate():
    with pytest.raises(RuntimeError, match="does not depend on any tensor that requires a gradient"):
        mg.Tensor([1.0]).backward()
    with mg.no_grad():
        y = leaf(1.0) * 2.0
    with pytest.raises(RuntimeError, match="no_grad"):
        y.backward()


def test_change_in_place_of_a_saved_leaf_names_op_and_input():
    x, w = leaf(1.0), leaf(2.0)
    y = x * w
    w.copy_([5.0])
    with pytest.raises(RuntimeError, match=r"multiply saved 'b' \(shape \(1,\)\).*changed in place"):
        y.backward()
    assert x.grad is None
    assert w.grad is None


@pytest.mark.parametrize("kind", ["buffer", "memory map"])
def test_a_change_in_place_of_memory_that_numpy_does_not_own_is_noticed(kind, tmp_path):
    """The base of such an array is no array, or one of another class."""
    if kind == "buffer":
        array = np.frombuffer(bytearray(np.ones(4)), np.float64)
    else:
        array = np.asarray(np.memmap(tmp_path / "x", np.float64, "w+", shape=4))
    x = mg.Tensor(array, requires_grad=True)
    y = x[1:]
    z = (y * y).sum()
    x.copy_(0.0)
    with pytest.raises(RuntimeError, match="changed in place"):
        z.backward()


def test_change_in_place_is_seen_through_a_view():
    x, w = leaf(1.0, 2.0), leaf(2.0, 3.0)
    y = (x * w.reshape(2)).sum()
    w.copy_([5.0, 6.0])
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_change_in_place_of_an_index_names_op_and_parameter():
    x, at = leaf(1.0, 2.0), mg.tensor([0, 0])
    for y in (x[at], x[..., at]):
        at.copy_([1, 1])
        with pytest.raises(RuntimeError, match=r"getitem saved 'key' \(shape \(2,\)\).*changed in place"):
            y.sum().backward()
    x[at].sum().backward()
    assert x.grad.tolist() == [0.0, 2.0]


def test_change_in_place_of_what_was_not_saved_is_harmless():
    x, w = leaf(1.0), leaf(2.0)
    y = x + w
    w.copy_([5.0])
    y.backward()
    assert w.grad.item() == 1.0


def test_a_failing_formula_leaves_every_gradient_as_it_was():
    x = leaf(1.0)
    x.grad = mg.Tensor(np.array([4.0]))

    @mg.op
    def broken(xp, x):
        return x + 0.0

    broken.vjp(x=lambda g: g.reshape(7, 7))
    with pytest.raises(ValueError, match="cannot reshape"):
        (x * 2.0 + broken(x)).backward()
    assert x.grad.item() == 4.0


def test_a_gradient_of_the_wrong_shape_names_the_op():
    @mg.op
    def careless(xp, x):
        return x.sum()

    careless.vjp(x=lambda g: g)
    with pytest.raises(ValueError, match=r"careless's formula for input 'x' returned shape \(\); the input has shape \(2,\)"):
        careless(leaf(1.0, 2.0)).backward()


def test_a_formula_without_a_name_it_can_have_is_refused_at_once():
    @mg.op
    def f(xp, x):
        return x

    with pytest.raises(TypeError, match=r"f\.vjp names 'z'.*an input \(x\), an output \(y\)"):
        f.vjp(x=lambda g, z: g)


def test_higher_derivatives_of_a_cube():
    x = leaf(2.0)
    y = x * x * x
    (first,) = mg.grad(y, x, create_graph=True)
    (second,) = mg.grad(first, x, create_graph=True)
    (third,) = mg.grad(second, x)
    assert (first.item(), second.item(), third.item()) == (12.0, 12.0, 6.0)


def test_mixed_dtypes_give_each_input_a_gradient_of_its_own_dtype():
    a = mg.Tensor(np.ones(2, np.float32), requires_grad=True)
    b = mg.Tensor(np.ones(2, np.float64), requires_grad=True)
    (a * b).sum().backward()
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)


def test_python_numbers_do_not_change_the_dtype():
    x = mg.Tensor(np.ones(2, np.float32), requires_grad=True)
    y = 2.0 * x + 1 - x / 3.0
    assert y.dtype == np.float32
    assert mg.Tensor(2.5).dtype == np.float32


# --------------------------------------------------------------------------------------------------------------- hooks


def test_tensor_hook_sees_and_replaces_the_gradient():
    x = leaf(1.0)
    y = x * 3.0
    seen = []
    y.register_hook(lambda g: seen.append(g.item()))
    remove = y.register_hook(lambda g: g * 10.0)
    y.backward(retain_graph=True)
    assert seen == [1.0]
    assert x.grad.item() == 30.0
    remove()
    y.backward()
    assert x.grad.item() == 33.0


def test_leaf_hook_runs_on_the_sum():
    x = leaf(1.0)
    x.register_hook(lambda g: g * 2.0)
    (x + x * 3.0).backward()
    assert x.grad.item() == 8.0


def test_hook_of_the_wrong_shape():
    y = leaf(1.0) * 2.0
    y.register_hook(lambda g: mg.Tensor(np.ones(3)))
    with pytest.raises(ValueError, match="a hook on the output of multiply"):
        y.backward()


def test_a_hook_added_twice_is_removed_once_at_a_time():
    x, seen = leaf(1.0), []
    remove = x.register_hook(seen.append)
    x.register_hook(seen.append)
    remove()
    remove()
    (x * 3.0).backward()
    assert len(seen) == 1


def test_retain_grad_keeps_the_gradient_of_a_computed_tensor():
    x = leaf(1.0)
    y = x * 3.0
    y.retain_grad()
    assert y.grad is None
    (y * 5.0).backward()
    assert y.grad.item() == 5.0


def test_a_retained_gradient_is_not_changed_by_a_later_backward():
    x = leaf(1.0)
    y = x + 0.0
    y.retain_grad()
    y.backward(retain_graph=True)
    kept = y.grad
    (x * 5.0).backward()
    assert kept.item() == 1.0


def test_a_retained_gradient_is_what_the_hooks_made_of_it_and_accumulates_until_dropped():
    x = leaf(1.0)
    y = x * 3.0
    y.retain_grad()
    y.register_hook(lambda g: g * 10.0)
    y.backward(retain_graph=True)
    assert y.grad.item() == 10.0
    y.backward(retain_graph=True)
    assert y.grad.item() == 20.0
    y.grad = None
    assert y.grad is None
    y.backward()
    assert y.grad.item() == 10.0


# --------------------------------------------------------------------------------------------------------------- modes


def test_no_grad_as_block_and_decorator_and_enable_grad_within():
    x = leaf(1.0)
    with mg.no_grad():
        assert not (x * 2.0).requires_grad
        with mg.enable_grad():
            assert (x * 2.0).requires_grad

    @mg.no_grad()
    def f():
        return x * 2.0

    @mg.no_grad
    def g():
        return x * 2.0

    assert not f().requires_grad
    assert not g().requires_grad
    assert not g().requires_grad
    assert (x * 2.0).requires_grad


def seen_by(generator, *sent):
    """What the generator yields, with whether the caller records between; ``sent`` goes in after the first."""
    return [(generator.send(value), mg.is_grad_enabled()) for value in (None, *sent)]


def echo(first):
    received = yield first, mg.is_grad_enabled()
    try:
        yield received, mg.is_grad_enabled()
    except KeyError:
        yield "thrown", mg.is_grad_enabled()
    finally:
        echo.closed_in = mg.is_grad_enabled()
    return mg.is_grad_enabled()


@pytest.mark.parametrize("decorate", [mg.no_grad, mg.no_grad()], ids=["bare", "called"])
def test_a_decorated_generator_is_covered_whenever_its_code_runs(decorate):
    f = decorate(echo)
    assert f.__name__ == "echo"
    assert seen_by(f(1), 2) == [((1, False), True), ((2, False), True)]
    assert echo.closed_in is False  # on being dropped
    g = f(1)
    seen_by(g, 2)
    assert (g.throw(KeyError()), mg.is_grad_enabled()) == (("thrown", False), True)
    with pytest.raises(StopIteration) as stop:
        next(g)
    assert stop.value.value is False
    with mg.no_grad():
        assert seen_by(mg.enable_grad(echo)(1)) == [((1, True), False)]
    g = f(1)
    seen_by(g, 2)
    with pytest.raises(ValueError, match="mine"):
        g.throw(ValueError("mine"))
    assert mg.is_grad_enabled()


@pytest.mark.parametrize(
    ("block", "inside"),
    [
        (lambda: mg.autocast("float16"), lambda: (leaf(1.0).astype("float32") @ leaf(1.0).astype("float32")).dtype == "float16"),
        (mg.detect_anomaly, lambda: bool(mode.get().observers)),
        (lambda: mg.device("cpu"), lambda: _chosen.get() is not None),
    ],
    ids=["autocast", "detect_anomaly", "device"],
)
def test_other_blocks_cover_generators_too(block, inside):
    @block()
    def f():
        yield inside()

    g = f()
    assert not inside()
    assert next(g)
    assert not inside()


def test_an_async_function_is_not_decorated():
    async def fetch():
        pass

    with pytest.raises(TypeError, match=r"fetch is an async function, .*: write the with block inside it"):
        mg.no_grad(fetch)


def test_mode_is_restored_after_an_exception():
    with pytest.raises(KeyError), mg.no_grad():
        raise KeyError
    assert mg.is_grad_enabled()


def test_mode_and_graphs_belong_to_the_thread():
    results: dict[int, float] = {}

    def work(i: int) -> None:
        x = leaf(float(i))
        with mg.no_grad() if i % 2 else mg.enable_grad():
            y = x * x
        if not i % 2:
            y.backward()
            results[i] = x.grad.item()
        else:
            results[i] = -1.0 if y.requires_grad else 0.0

    threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == {i: 0.0 if i % 2 else 2.0 * i for i in range(16)}


def test_two_threads_may_walk_one_graph():
    x = leaf(*np.linspace(0, 1, 50))
    y = mg.tanh(x * x).sum()
    found = []

    def work() -> None:
        for _ in range(20):
            found.append(mg.grad(y, x, retain_graph=True)[0].data)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all((g == found[0]).all() for g in found)


# ----------------------------------------------------------------------------------------- fast and plain call paths


@pytest.mark.parametrize("name", ["exp", "tanh", "add", "multiply", "divide", "matmul"])
@pytest.mark.parametrize("needs", [(True, True), (True, False), (False, True), (False, False)])
def test_fast_and_plain_calls_build_the_same_graph(name, needs):
    op = mg.OPS[name]
    arrays = [np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.5, 1.5], [2.5, 3.5]])][: len(op.inputs)]
    args = [mg.Tensor(a, requires_grad=r) for a, r in zip(arrays, needs, strict=False)]
    fast, plain = op(*args), Op.__call__(op, *args)
    assert (fast.data == plain.data).all()
    assert (fast.node is None) == (plain.node is None)
    if fast.node is not None:
        assert fast.node.plan is plain.node.plan or fast.node.plan.saves == plain.node.plan.saves
        assert fast.node.parents == plain.node.parents
        assert (fast.node.shape, fast.node.dtype) == (plain.node.shape, plain.node.dtype)
        assert len(fast.node.saved) == len(plain.node.saved)
        for a, b in zip(fast.node.saved, plain.node.saved, strict=True):
            assert np.array_equal(a, b)


def test_specialise_gives_back_an_op():
    def twice(xp, x):
        return x * 2

    op = specialise(Op(twice))
    assert isinstance(op, Op)
    assert op(np.array([2.0])).item() == 4.0


def test_only_a_kept_gradient_with_a_graph_makes_a_cycle():
    def leaf_after(differentiate):
        x = mg.tensor([1.0, 2.0], requires_grad=True)
        differentiate(x, (x * x * x).sum())
        return weakref.ref(x.data)

    gc.collect()
    gc.disable()
    try:
        assert leaf_after(lambda x, y: y.backward())() is None
        assert leaf_after(lambda x, y: mg.grad(y, x, create_graph=True))() is None
        assert leaf_after(lambda x, y: (y.backward(create_graph=True), setattr(x, "grad", None)))() is None
        kept = leaf_after(lambda x, y: y.backward(create_graph=True))
        assert kept() is not None
        gc.collect()
        assert kept() is None
    finally:
        gc.enable()
