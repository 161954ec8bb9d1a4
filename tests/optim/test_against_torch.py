"""Every optimizer and schedule takes the same steps as PyTorch's of the same name and arguments."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim

torch = pytest.importorskip("torch", reason="compares with PyTorch; install torch==2.13.0")
try:  # PyTorch's own samples of arguments; they need the package expecttest
    from torch.testing._internal.common_optimizers import optim_db
except ImportError:
    optim_db = []

SHAPES = [(3, 4), (5,), (), (2, 1, 3)]
NAMES = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "Adafactor", "ASGD", "Rprop"]
IRRELEVANT = {"foreach", "fused", "capturable", "differentiable"}  # how PyTorch runs the step, not what it computes


@pytest.fixture(autouse=True)
def numbers_of_float64():
    """PyTorch keeps counts, and ASGD's step and share, in the default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def torch_cases():
    """The arguments with which PyTorch tests its own optimizers."""
    for info in optim_db:
        name = info.optim_cls.__name__
        if not hasattr(optim, name) or name == "LBFGS":
            continue
        for i, sample in enumerate(info.optim_inputs_func(device="cpu")):
            kwargs = {k: v for k, v in sample.kwargs.items() if k not in IRRELEVANT}
            if not any(torch.is_tensor(v) for v in kwargs.values()):
                yield pytest.param(name, kwargs, id=f"{name}-{i}-{sample.desc}")


MORE_CASES = [
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "dampening": 0.3}),
    ("Adam", {"betas": (0.5, 0.9), "eps": 1e-3, "lr": 0.1}),
    ("Adam", {"decoupled_weight_decay": True, "weight_decay": 0.1, "amsgrad": True}),
    ("AdamW", {"maximize": True, "amsgrad": True}),
    ("RMSprop", {"centered": True, "momentum": 0.9, "weight_decay": 0.1}),
    ("Adagrad", {"lr_decay": 0.3, "initial_accumulator_value": 0.5}),
    ("Adadelta", {"rho": 0.5, "lr": 3.0, "weight_decay": 0.2}),
    ("Adamax", {"betas": (0.3, 0.7), "weight_decay": 0.2}),
    ("NAdam", {"momentum_decay": 0.5, "decoupled_weight_decay": True, "weight_decay": 0.2}),
    ("RAdam", {"betas": (0.8, 0.9), "decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("Adafactor", {}),
    ("Adafactor", {"lr": 0.3, "beta2_decay": -0.3, "eps": (1e-2, 0.5), "d": 2.0, "weight_decay": 0.1, "maximize": True}),
    ("Adafactor", {"lr": 5.0}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 7.5, "weight_decay": 0.1, "maximize": True}),
    ("ASGD", {"lr": 0.1, "t0": 0}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.7), "step_sizes": (0.05, 0.2), "maximize": True}),
]


def to_numpy(value):
    return value.numpy() if hasattr(value, "numpy") else value


def gradient(x, t):
    """Some gradient that depends on the parameter, so that a difference would grow."""
    return 0.3 * x + np.sin(3 * x + t) + 0.1


def make_pair(name, kwargs, shapes=SHAPES):
    start = [np.random.default_rng(i).normal(size=shape) for i, shape in enumerate(shapes)]
    ours = [mg.Tensor(x.copy(), requires_grad=True) for x in start]
    theirs = [torch.tensor(x, requires_grad=True) for x in start]
    return ours, theirs, getattr(optim, name)(ours, **kwargs), getattr(torch.optim, name)(theirs, **kwargs)


def step_both(ours, theirs, opt, torch_opt, t, skip=()):
    for i, (p, q) in enumerate(zip(ours, theirs, strict=True)):
        p.grad = None if i in skip else mg.Tensor(np.asarray(gradient(p.data, t)))
        q.grad = None if i in skip else torch.tensor(gradient(q.detach().numpy(), t))
    opt.step()
    torch_opt.step()


def largest_difference(ours, theirs):
    return max(np.abs(p.data - q.detach().numpy()).max() for p, q in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(("name", "kwargs"), [c for c in torch_cases() if c.values[0] != "Muon"] + MORE_CASES)
def test_twenty_steps(name, kwargs):
    ours, theirs, opt, torch_opt = make_pair(name, kwargs)
    before = [p.data.copy() for p in ours]
    for t in range(20):
        step_both(ours, theirs, opt, torch_opt, t)
    assert largest_difference(ours, theirs) <= 1e-9
    for p, q in zip(ours, theirs, strict=True):  # what both remember under one name is one
        for key in opt.state[p].keys() & torch_opt.state[q].keys():
            np.testing.assert_allclose(to_numpy(opt.state[p][key]), to_numpy(torch_opt.state[q][key]), rtol=1e-9, atol=1e-9, err_msg=key)
    if kwargs.get("lr", 1) != 0:
        assert all(np.abs(p.data - x).max() > 1e-6 for p, x in zip(ours, before, strict=True))


@pytest.mark.parametrize("kwargs", [c.values[1] for c in torch_cases() if c.values[0] == "Muon"] + [{"nesterov": False, "lr": 0.1}])
def test_muon(kwargs, monkeypatch):
    def in_float64(grad, coefficients, steps, eps):
        """PyTorch's iteration as it stands, but for the cast to bfloat16."""
        a, b, c = coefficients
        x = grad.T if grad.size(0) > grad.size(1) else grad
        x = x / x.norm().clamp(min=eps)
        for _ in range(steps):
            gram = x @ x.T
            x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
        return x.T if grad.size(0) > grad.size(1) else x

    monkeypatch.setattr("torch.optim._muon._zeropower_via_newtonschulz", in_float64)
    ours, theirs, opt, torch_opt = make_pair("Muon", kwargs, [(3, 4), (6, 2)])
    for t in range(20):
        step_both(ours, theirs, opt, torch_opt, t)
    assert largest_difference(ours, theirs) <= 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_parameters_without_gradient_are_left_alone(name):
    ours, theirs, opt, torch_opt = make_pair(name, {"momentum": 0.9} if name == "SGD" else {})
    for t, skip in enumerate([(), (1,), (0, 2), (), (0, 1, 2, 3), ()]):
        step_both(ours, theirs, opt, torch_opt, t, skip)
    assert largest_difference(ours, theirs) <= 1e-9


@pytest.mark.parametrize("name", [name for name in NAMES if name != "ASGD"])  # in PyTorch, it takes the rate of the step before
def test_a_rate_that_changes_before_a_parameter_has_its_first_gradient(name):
    ours, theirs, opt, torch_opt = make_pair(name, {"momentum": 0.9} if name == "SGD" else {})
    for t, skip in enumerate([(1,), (1, 2), (), ()]):
        for optimizer in (opt, torch_opt):
            optimizer.param_groups[0]["lr"] = 0.1 / (1 + t)
        step_both(ours, theirs, opt, torch_opt, t, skip)
    assert largest_difference(ours, theirs) <= 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_torch_state_continues_here_and_groups_keep_their_options(name):
    shapes, kwargs = SHAPES, {"momentum": 0.9} if name == "SGD" else {}
    start = [np.random.default_rng(i).normal(size=shape) for i, shape in enumerate(shapes)]
    theirs = [torch.tensor(x, requires_grad=True) for x in start]
    torch_opt = getattr(torch.optim, name)([{"params": theirs[:2], "lr": 0.05}, {"params": theirs[2:]}], **kwargs)
    for t in range(3):
        for q in theirs:
            q.grad = torch.tensor(gradient(q.detach().numpy(), t))
        torch_opt.step()
    ours = [mg.Tensor(q.detach().numpy().copy(), requires_grad=True) for q in theirs]
    opt = getattr(optim, name)([{"params": ours[:2]}, {"params": ours[2:]}], **kwargs)
    state = torch_opt.state_dict()
    opt.load_state_dict({**state, "state": {i: {k: to_numpy(v) for k, v in s.items()} for i, s in state["state"].items()}})
    assert opt.param_groups[0]["lr"] == 0.05
    for t in range(3, 8):
        step_both(ours, theirs, opt, torch_opt, t)
    assert largest_difference(ours, theirs) <= 1e-9


LBFGS_CASES = [
    {},
    {"lr": 0.1, "max_iter": 5},
    {"line_search_fn": "strong_wolfe"},
    {"history_size": 3, "lr": 0.5},
    {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 7},
]


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")
@pytest.mark.parametrize("kwargs", LBFGS_CASES)
def test_lbfgs_on_rosenbrock(kwargs):
    start = np.array([-1.2, 1.0])
    ours = [mg.Tensor(np.array(v), requires_grad=True) for v in start]
    theirs = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in start]
    opt, torch_opt = optim.LBFGS(ours, **kwargs), torch.optim.LBFGS(theirs, **kwargs)

    def closure(params, optimizer):
        def run():
            optimizer.zero_grad()
            x, y = params
            loss = (1 - x) * (1 - x) + 10 * (y - x * x) * (y - x * x)
            loss.backward()
            return loss

        return run

    for _ in range(4):
        ours_loss, torch_loss = opt.step(closure(ours, opt)), torch_opt.step(closure(theirs, torch_opt))
        assert abs(float(ours_loss.item()) - float(torch_loss)) <= 1e-9
        assert largest_difference(ours, theirs) <= 1e-9


S, T = optim.lr_scheduler, torch.optim.lr_scheduler
SCHEDULES = {
    "lambda": lambda m, o: m.LambdaLR(o, [lambda t: 0.9**t, lambda t: 1 / (1 + t)]),
    "step": lambda m, o: m.StepLR(o, 3, 0.5),
    "multistep": lambda m, o: m.MultiStepLR(o, [2, 5, 5], 0.3),
    "exponential": lambda m, o: m.ExponentialLR(o, 0.8),
    "constant": lambda m, o: m.ConstantLR(o, 0.2, 4),
    "linear": lambda m, o: m.LinearLR(o, 0.1, 0.9, 6),
    "polynomial": lambda m, o: m.PolynomialLR(o, 7, 2.0),
    "cosine": lambda m, o: m.CosineAnnealingLR(o, 6, 0.01),
    "restarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    "restarts of one length": lambda m, o: m.CosineAnnealingWarmRestarts(o, 4),
    "one cycle": lambda m, o: m.OneCycleLR(o, 0.5, total_steps=20),
    "one cycle, three phases": lambda m, o: m.OneCycleLR(o, [0.5, 0.1], None, 4, 5, anneal_strategy="linear", three_phase=True),
    "one cycle, no momentum": lambda m, o: m.OneCycleLR(o, 0.5, 20, pct_start=0.5, cycle_momentum=False, div_factor=5, final_div_factor=10),
    "multiplicative": lambda m, o: m.MultiplicativeLR(o, lambda t: 1 - 1 / (1 + t)),
    "multiplicative by groups": lambda m, o: m.MultiplicativeLR(o, [lambda t: 0.9, lambda t: 1 + 0.1 * (-1) ** t]),
    "cyclic": lambda m, o: m.CyclicLR(o, 0.01, 0.5, 3),
    "cyclic, lopsided": lambda m, o: m.CyclicLR(o, [0.01, 0.02], [0.5, 0.1], 5, 2, "triangular2"),
    "cyclic, shrinking": lambda m, o: m.CyclicLR(o, 0.01, 0.5, 2, 4, "exp_range", 0.9, base_momentum=[0.1, 0.2], max_momentum=[0.7, 0.8]),
    "cyclic, own heights": lambda m, o: m.CyclicLR(o, 0.01, 0.5, 2, scale_fn=lambda k: 1 / k, cycle_momentum=False),
    "cyclic, own heights by step": lambda m, o: m.CyclicLR(o, 0.1, 0.5, 3, scale_fn=lambda t: 0.9**t, scale_mode="iterations"),
    "chained": lambda m, o: m.ChainedScheduler([m.ConstantLR(o, 0.1, 5), m.ExponentialLR(o, 0.9), m.StepLR(o, 3, 0.5)], o),
    "sequential": lambda m, o: m.SequentialLR(o, [m.LinearLR(o, 0.1, total_iters=5), m.CosineAnnealingLR(o, 10)], [5]),
    "three in sequence": lambda m, o: m.SequentialLR(o, [m.ConstantLR(o, 0.5, 3), m.ExponentialLR(o, 0.9), m.StepLR(o, 2)], [4, 9]),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("cls", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name, cls):
    make = SCHEDULES[name]
    extra = {"momentum": 0.9} if cls == "SGD" else {}
    ours = [mg.Tensor(np.ones(2), True) for _ in range(2)]
    opt = getattr(optim, cls)([{"params": ours[:1], "lr": 0.3}, {"params": ours[1:]}], lr=0.1, **extra)
    torch_opt = getattr(torch.optim, cls)([{"params": [torch.ones(2)], "lr": 0.3}, {"params": [torch.ones(2)]}], lr=0.1, **extra)
    ours, theirs = make(S, opt), make(T, torch_opt)
    for t in range(20):
        for group, torch_group in zip(opt.param_groups, torch_opt.param_groups, strict=True):
            for key in ("lr", "momentum", "betas"):
                if key in group:
                    assert group[key] == pytest.approx(torch_group[key], abs=1e-12), (t, key)
        if t < 19:
            torch_opt.step()
            ours.step()
            theirs.step()


PLATEAU_CASES = [
    {},
    {"mode": "max"},
    {"patience": 1, "cooldown": 2},
    {"threshold_mode": "abs", "threshold": 0.5, "patience": 0},
    {"min_lr": 0.02, "patience": 0, "factor": 0.5},
    {"mode": "max", "threshold_mode": "abs", "patience": 2},
]


@pytest.mark.parametrize("kwargs", PLATEAU_CASES)
def test_plateau(kwargs):
    opt, torch_opt = optim.SGD([mg.Tensor(np.ones(2), True)], lr=0.1), torch.optim.SGD([torch.ones(2)], lr=0.1)
    ours, theirs = S.ReduceLROnPlateau(opt, **kwargs), T.ReduceLROnPlateau(torch_opt, **kwargs)
    for t in range(40):
        metric = math.cos(t) + 3 / (1 + t)
        ours.step(metric)
        theirs.step(metric)
        assert opt.param_groups[0]["lr"] == torch_opt.param_groups[0]["lr"]


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 1e3])
def test_clipping(norm_type, max_norm):
    grads = [np.random.default_rng(i).normal(size=shape) for i, shape in enumerate(SHAPES)]
    ours = [mg.Tensor(np.zeros(g.shape), True) for g in grads]
    theirs = [torch.zeros(g.shape, dtype=torch.float64, requires_grad=True) for g in grads]
    for p, q, g in zip(ours, theirs, grads, strict=True):
        p.grad, q.grad = mg.Tensor(g.copy()), torch.tensor(g)
    norm = optim.clip_grad_norm_(ours, max_norm, norm_type)
    assert norm.item() == pytest.approx(torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type).item(), rel=1e-12)
    optim.clip_grad_value_(ours, 0.2)
    torch.nn.utils.clip_grad_value_(theirs, 0.2)
    assert largest_difference([SimpleNamespace(data=p.grad.data) for p in ours], [q.grad for q in theirs]) <= 1e-12
