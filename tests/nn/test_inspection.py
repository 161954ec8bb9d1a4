"""Looking at a model: nothing is left behind, what is seen is what was computed, other parameters are the model's for a call."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F


def net(width=4):
    mg.manual_seed(0)
    return nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 2)).to(dtype=np.float64)


X = mg.tensor(np.random.default_rng(0).standard_normal((6, 3)))


def state(model):
    return {name: value.data.copy() for name, value in model.state_dict().items()}


def test_statistics_are_what_they_were_even_after_an_error():
    model = net()
    model(X)
    before = state(model)
    with nn.statistics_kept(model):
        model(X * 5)
        assert not np.array_equal(state(model)["1.running_mean"], before["1.running_mean"])
    with nn.statistics_kept(model):
        model[1].running_mean.copy_(7.0)  # in place, too
    with pytest.raises(ValueError, match="shape"), nn.statistics_kept(model):
        model[1](X)
    after = state(model)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert after["1.num_batches_tracked"] == 1


def test_a_captured_step_sees_that_statistics_went_back():
    model = net()
    step = mg.capture(lambda x: model(x).sum())
    for _ in range(4):
        with nn.statistics_kept(model):
            step(X)
    assert not model[1].running_mean.data.any()
    assert model[1].num_batches_tracked.item() == 0


def test_activations_are_those_of_the_computation():
    model = net().eval()
    with nn.activations(model, nn.ReLU, nn.BatchNorm1d) as seen:
        y = model(X)
    assert list(seen.inputs) == ["1", "2"]
    before = model[1](model[0](X)).data
    np.testing.assert_allclose(seen.inputs["2"].data, before)  # though Sequential computes batch norm and ReLU as one
    np.testing.assert_allclose(seen.outputs["2"].data, np.maximum(before, 0))
    (g,) = mg.grad(y.sum(), [seen.outputs["2"]])
    np.testing.assert_allclose(g.data, np.tile(model[3].weight.data.sum(0), (6, 1)))
    model(X * 2)
    np.testing.assert_allclose(seen.inputs["2"].data, before)  # nothing is seen afterwards


def test_without_classes_all_layers_without_layers_inside_are_seen():
    model = nn.Sequential(net(), nn.Identity())
    with nn.activations(model) as seen:
        model(X)
    assert list(seen.outputs) == ["0.0", "0.1", "0.2", "0.3", "1"]
    with pytest.raises(ValueError, match="no Tanh or Sigmoid"), nn.activations(model, nn.Tanh, nn.Sigmoid):
        pass


def test_a_functional_call_is_a_function_of_its_parameters():
    model = net()
    own = dict(model.named_parameters())
    other = {name: mg.tensor(p.data * 2 + 0.1, requires_grad=True) for name, p in own.items()}
    y = nn.functional_call(model, other, X)
    gs = mg.grad(y.square().sum(), list(other.values()))
    assert all(model.get_parameter(name) is p for name, p in own.items())
    twin = net()
    for name, p in twin.named_parameters():
        p.copy_(other[name])
    expected = mg.grad(twin(X).square().sum(), list(twin.parameters()))
    for a, b in zip(gs, expected, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_the_loss_along_a_step_is_one_line():
    model, labels = net(), mg.tensor(np.array([0, 1, 0, 1, 0, 1]))
    loss = lambda p: F.cross_entropy(nn.functional_call(model, p, X), labels)
    p = dict(model.named_parameters())
    g = dict(zip(p, mg.grad(loss({}), list(p.values())), strict=True))
    slope = (loss({k: p[k].detach() + 1e-5 * g[k] for k in p}).item() - loss({k: p[k].detach() - 1e-5 * g[k] for k in p}).item()) / 2e-5
    assert slope == pytest.approx(sum(float((v.data**2).sum()) for v in g.values()), rel=1e-6)


def test_buffers_and_shared_parameters_are_replaced_too():
    model = net().eval()
    moved = nn.functional_call(model, {"1.running_mean": np.full(4, 1e9)}, X)
    np.testing.assert_allclose(moved.data, np.tile(model[3].bias.data, (6, 1)))
    shared = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)).to(dtype=np.float64)
    shared[1].weight = shared[0].weight
    y = nn.functional_call(shared, {"0.weight": 2 * np.eye(2)}, mg.tensor(np.eye(2)))
    np.testing.assert_array_equal(y.data, 4 * np.eye(2))


def test_a_call_that_cannot_be_made_changes_nothing():
    model = net()
    before = dict(model.named_parameters())
    with pytest.raises(ValueError, match=r"no parameter or buffer 'weight'; it has 0.weight, 0.bias"):
        nn.functional_call(model, {"weight": np.eye(3)}, X)
    with pytest.raises(ValueError, match=r"0.weight has shape \(4, 3\), and a tensor of shape \(3, 3\)"):
        nn.functional_call(model, {"0.weight": np.eye(3)}, X)
    with pytest.raises(ValueError, match="shape"):
        nn.functional_call(model, {"0.bias": np.zeros(4)}, X[:, :2])
    assert all(model.get_parameter(name) is p for name, p in before.items())


@pytest.mark.torch
def test_torch_calls_it_so():
    torch = pytest.importorskip("torch")
    model = net().eval()
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).double().eval()
    p = {name: np.random.default_rng(len(name)).standard_normal(v.shape) for name, v in model.named_parameters()}
    theirs_p = {name: torch.tensor(v) for name, v in p.items()}
    a = nn.functional_call(model, p, (X,))
    b = torch.func.functional_call(theirs, theirs_p, (torch.tensor(X.data),))
    np.testing.assert_allclose(a.data, b.detach().numpy(), atol=1e-12)


def test_a_net_gets_its_start_in_one_line():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3, bias=False))
    assert nn.init.weights_(model, lambda w: nn.init.constant_(w, 5.0), bias=2.0) is model
    assert (model[0].weight.data == 5).all()
    assert (model[3].weight.data == 5).all()
    assert (model[0].bias.data == 2).all()
    assert (model[1].weight.data == 1).all()
    nn.init.weights_(model, nn.init.orthogonal_, bias=None)
    assert (model[0].bias.data == 2).all()
    with pytest.raises(ValueError, match="no weight"):
        nn.init.weights_(nn.ReLU(), nn.init.orthogonal_)
