"""What optimizers share: groups, flat buffers, state, errors; and EMA, Lion, Muon."""

import contextlib

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.optim import flat, lr_scheduler

NAMES = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "Lion", "Adafactor", "ASGD", "Rprop"]


def make_params(seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [mg.Tensor(rng.normal(size=shape).astype(dtype), True) for shape in [(3, 4), (5,), (), (0, 2)]]


def step(optimizer, params, t):
    for p in params:
        p.grad = mg.Tensor(np.asarray(np.cos(3 * p.data + t), p.dtype))
    optimizer.step()


@pytest.mark.parametrize("name", NAMES)
def test_flat_and_single_updates_are_the_same(name, monkeypatch):
    """One update of everything, blocks of two elements, and one update for each parameter give the same bytes."""
    results = []
    for manner in ("together", "blocks", "one by one"):
        with monkeypatch.context() as patch:
            if manner == "blocks":
                patch.setattr(flat, "BLOCK_BYTES", 16)
            if manner == "one by one":
                patch.setattr(flat.Bucket, "together", lambda self: False)
            params = make_params()
            optimizer = getattr(optim, name)(params)
            for t in range(5):
                step(optimizer, params, t)
            results.append([p.data.tobytes() for p in params])
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("name", [*NAMES, "Muon"])
def test_state_continues(name, tmp_path):
    make = (lambda: make_params()[:1]) if name == "Muon" else make_params
    params, again = make(), make()
    optimizer = getattr(optim, name)(params)
    for t in range(3):
        step(optimizer, params, t)
    mg.saving.save_state(optimizer.state_dict(), tmp_path / "state")
    other = getattr(optim, name)(again, lr=7)
    other.load_state_dict(mg.saving.load_state(tmp_path / "state"))
    for p, q in zip(params, again, strict=True):
        q.copy_(p)
    for t in range(3, 6):
        step(optimizer, params, t)
        step(other, again, t)
    assert [p.data.tobytes() for p in params] == [p.data.tobytes() for p in again]
    assert other.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]


def test_float32_and_two_dtypes():
    params = [*make_params(dtype=np.float32), *make_params()]
    optimizer = optim.Adam(params)
    step(optimizer, params, 0)
    assert [p.dtype for p in params] == [np.float32] * 4 + [np.float64] * 4
    assert all(s["exp_avg"].dtype == p.dtype for p, s in optimizer.state.items())


def test_groups_have_options_of_their_own():
    a, b = mg.Tensor(np.ones(2), True), mg.Tensor(np.ones(2), True)
    optimizer = optim.SGD([{"params": [a], "lr": 1.0}], lr=0.1)
    optimizer.add_param_group({"params": b, "maximize": True})
    a.grad = b.grad = mg.Tensor(np.ones(2))
    optimizer.step()
    assert (a.tolist(), b.tolist()) == ([0, 0], [1.1, 1.1])
    optimizer.param_groups[1]["lr"] = 1.0
    optimizer.step()
    assert b.tolist() == [2.1, 2.1]
    assert "lr=1.0" in repr(optimizer)


def test_parameters_stay_what_they_are():
    """The buffer takes over values that were assigned or copied after it was made; gradients are left alone."""
    params = make_params()
    optimizer = optim.SGD(params, lr=1.0)
    step(optimizer, params, 0)
    params[0].data = np.full((3, 4), 5.0)
    params[1].copy_(np.full(5, 6.0))
    for p in params:
        p.grad = mg.Tensor(np.ones(p.shape))
    optimizer.step()
    assert (params[0].data == 4).all()
    assert (params[1].data == 5).all()
    assert all((p.grad.data == 1).all() for p in params)
    optimizer.step()
    assert (params[0].data == 3).all()
    params[0].data = params[0].data.astype(np.float32)
    with pytest.raises(RuntimeError, match="make the optimizer after moving"):
        optimizer.step()


def test_a_step_tells_the_graph():
    x = mg.Tensor(np.ones(3), True)
    optimizer = optim.SGD([x])
    x.grad = mg.Tensor(np.ones(3))
    optimizer.step()
    y = (x * x).sum()
    optimizer.step()
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_closure_and_zero_grad():
    x = mg.Tensor(np.array([3.0]), True)
    optimizer = optim.SGD([x], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss

    with mg.no_grad():
        assert optimizer.step(closure).item() == 9
    assert x.tolist() == [1.5]
    optimizer.zero_grad(set_to_none=False)
    assert x.grad.tolist() == [0]
    optimizer.zero_grad()
    assert x.grad is None
    optimizer.step()  # nothing has a gradient
    assert x.tolist() == [1.5]


X = mg.Tensor(np.ones(2), True)
BAD = [
    (lambda: optim.SGD([]), "no parameters"),
    (lambda: optim.SGD(X), "list of tensors"),
    (lambda: optim.SGD([X, X]), "given twice"),
    (lambda: optim.SGD([np.ones(2)]), "optimizes tensors; number 0 is of type ndarray"),
    (lambda: optim.SGD([X * 2]), "leaf tensors"),
    (lambda: optim.SGD([mg.Tensor(np.ones(2, int))]), "int64 tensor"),
    (lambda: optim.SGD([{"params": [X], "rate": 1}]), "unknown option 'rate'"),
    (lambda: optim.SGD([X], lr=-1), "lr must be"),
    (lambda: optim.SGD([X], lr=float("nan")), "lr must be"),
    (lambda: optim.SGD([X], nesterov=True), "nesterov"),
    (lambda: optim.Adam([X], betas=(0.9, 1.0)), "betas"),
    (lambda: optim.Adadelta([X], rho=1.5), "rho"),
    (lambda: optim.Adafactor([X], beta2_decay=0.8), "Adafactor: beta2_decay must be a number of at most 0, not 0.8"),
    (lambda: optim.Adafactor([X], d=0.5), "Adafactor: d must be a number of at least 1, not 0.5"),
    (lambda: optim.Adafactor([X], eps=1e-8), "Adafactor: eps must be a bound for the root of v .* and one for a parameter, not 1e-08"),
    (lambda: optim.Adafactor([{"params": [X], "eps": (None, -1)}]), r"Adafactor: eps\[1\] must be a number of at least 0, not -1"),
    (lambda: optim.Adafactor([X], weight_decay=-1), "Adafactor: weight_decay must be"),
    (lambda: optim.ASGD([X], t0=-1), "ASGD: t0 must be a number of at least 0"),
    (lambda: optim.ASGD([{"params": [X], "lambd": "a"}]), "ASGD: lambd must be a number of at least 0, not 'a'"),
    (lambda: optim.Rprop([X], etas=(1.2, 0.5)), r"Rprop: etas must be a factor between 0 and 1 and one above 1, .*, not \(1.2, 0.5\)"),
    (lambda: optim.Rprop([{"params": [X], "etas": 0.5}]), "Rprop: etas must be .*, not 0.5"),
    (lambda: optim.Rprop([X], step_sizes=(1, 0.1)), r"Rprop: step_sizes must be the shortest and the longest step, .*, not \(1, 0.1\)"),
    (lambda: optim.Muon([X]), "is for matrices"),
    (lambda: optim.Muon([X], adjust_lr_fn="no"), "adjust_lr_fn"),
    (lambda: optim.LBFGS([X], line_search_fn="no"), "line_search_fn"),
    (lambda: optim.LBFGS([X]).step(), "closure"),
    (lambda: optim.EMA([X], 1.5), "decay"),
    (lambda: lr_scheduler.StepLR(optim.SGD([X]), 0), "step_size"),
    (lambda: lr_scheduler.StepLR(X, 1), "schedules an optimizer"),
    (lambda: lr_scheduler.OneCycleLR(optim.SGD([X]), 1.0), "total_steps"),
    (lambda: lr_scheduler.OneCycleLR(optim.Adagrad([X]), 1.0, 5), "no momentum"),
    (lambda: lr_scheduler.SequentialLR(optim.SGD([X]), [], [1]), "milestones"),
    (lambda: lr_scheduler.ReduceLROnPlateau(optim.SGD([X]), mode="no"), "mode"),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_arguments(make, message):
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["param_groups"].append(s["param_groups"][0]), "groups with"),
        (lambda s: s["param_groups"][0]["params"].pop(), "groups with"),
        (lambda s: s["state"][1].pop("exp_avg"), "no 'exp_avg' for parameter"),
        (lambda s: s["state"][1].update(exp_avg=mg.Tensor(np.ones(3))), "shape"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, message):
    params = make_params()
    optimizer = optim.Adam(params)
    for t in range(2):
        step(optimizer, params, t)
    state = mg.optim.Adam(make_params()).state_dict() | {"state": {i: dict(s) for i, s in optimizer.state_dict()["state"].items()}}
    change(state)
    before = [s["exp_avg"].data.copy() for s in optimizer.state.values()]
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    for old, s in zip(before, optimizer.state.values(), strict=True):
        np.testing.assert_array_equal(s["exp_avg"].data, old)
        assert s["step"] == 2


def test_lion_by_hand():
    x = mg.Tensor(np.array([1.0, -2.0]), True)
    optimizer = optim.Lion([x], lr=0.1, betas=(0.9, 0.8), weight_decay=0.5)
    value, m = x.data.copy(), np.zeros(2)
    for g in (np.array([0.5, -3.0]), np.array([-4.0, 1.0]), np.array([0.0, 0.2])):
        x.grad = mg.Tensor(g)
        optimizer.step()
        value = value * (1 - 0.1 * 0.5) - 0.1 * np.sign(0.9 * m + 0.1 * g)
        m = 0.8 * m + 0.2 * g
        np.testing.assert_allclose(x.data, value, atol=1e-15)


def test_adafactor_remembers_rows_and_columns_in_place_of_matrices():
    p, bias = mg.Tensor(np.ones((2, 30, 40)), True), mg.Tensor(np.ones(7), True)
    optimizer = optim.Adafactor([p, bias])
    for tensor in (p, bias):
        tensor.grad = mg.Tensor(np.ones(tensor.shape))
    optimizer.step()
    shapes = [{name: value.shape for name, value in s.items() if isinstance(value, mg.Tensor)} for s in optimizer.state.values()]
    assert shapes == [{"row_var": (2, 30, 1), "col_var": (2, 1, 40)}, {"variance": (7,)}]
    assert sum(array.size for array in optimizer.buckets()[0][0].arrays.values()) == 2 * (30 + 40) + 7


def test_asgd_averages_from_its_step_on():
    x = mg.Tensor(np.array([1.0, -2.0]), True)
    optimizer = optim.ASGD([x], lr=0.1, lambd=0, t0=3)
    visited = []
    for t in range(8):
        x.grad = mg.Tensor(np.cos(t + x.data))
        optimizer.step()
        visited.append(x.data.copy())
        after = visited[4:] or visited[-1:]
        np.testing.assert_allclose(optimizer.state[x]["ax"].data, np.mean(after, axis=0), rtol=1e-14)


def test_muon_steps_are_nearly_orthogonal():
    from minigrad.optim.muon import QUINTIC, orthogonalized

    for shape in [(8, 8), (4, 16), (16, 4)]:
        matrix = np.random.default_rng(0).normal(size=shape)
        singular = np.linalg.svd(orthogonalized(matrix, QUINTIC, 5, 1e-7), compute_uv=False)
        assert 0.5 < singular.min() <= singular.max() < 1.5


def test_ema():
    x = mg.Tensor(np.array([0.0]), True)
    ema = optim.EMA([x], decay=0.75)
    for value in (4.0, 8.0):
        x.copy_(np.array([value]))
        ema.update()
    assert ema.averages[0].tolist() == [2.75]
    with contextlib.suppress(RuntimeError), ema.applied():
        assert x.tolist() == [2.75]
        raise RuntimeError
    assert x.tolist() == [8]
    again = optim.EMA([x])
    again.load_state_dict(ema.state_dict())
    assert (again.decay, again.averages[0].tolist()) == (0.75, [2.75])
    with pytest.raises(ValueError, match="shapes"):
        optim.EMA([mg.Tensor(np.ones(2))]).load_state_dict(ema.state_dict())
    ema.copy_to_params()
    assert x.tolist() == [2.75]


@pytest.mark.parametrize("make", [lambda o: lr_scheduler.CosineAnnealingLR(o, 10), lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=1)])
def test_schedules_continue(make):
    def run(schedule, optimizer, steps):
        rates = []
        for t in steps:
            schedule.step(*([1.0 + (t % 4)] if isinstance(schedule, lr_scheduler.ReduceLROnPlateau) else []))
            rates.append(optimizer.param_groups[0]["lr"])
        return rates

    one, two = optim.SGD([X], lr=1.0), optim.SGD([X], lr=1.0)
    first, second = make(one), make(two)
    run(first, one, range(5))
    second.load_state_dict(first.state_dict())
    two.load_state_dict(one.state_dict())
    assert run(first, one, range(5, 12)) == run(second, two, range(5, 12))
