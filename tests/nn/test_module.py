"""Module: parameters, buffers and children; the state; hooks; what is refused."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn.module import Parameter


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.rest = nn.Sequential(nn.ReLU(), nn.Linear(4, 2, bias=False))
        self.scale = Parameter(np.ones(2))
        self.register_buffer("seen", mg.zeros((), dtype="int64"))
        self.register_buffer("cache", mg.zeros((2,)), persistent=False)

    def forward(self, x: Any) -> Any:
        return self.rest(self.first(x)) * self.scale


def test_parameters_buffers_and_modules_are_found_by_name() -> None:
    net = Net()
    assert [name for name, _ in net.named_parameters()] == ["scale", "first.weight", "first.bias", "rest.1.weight"]
    assert [name for name, _ in net.named_buffers()] == ["seen", "cache"]
    assert [name for name, _ in net.named_children()] == ["first", "rest"]
    assert [name for name, _ in net.named_modules()] == ["", "first", "rest", "rest.0", "rest.1"]
    assert list(net.state_dict()) == ["scale", "seen", "first.weight", "first.bias", "rest.1.weight"]
    assert [name for name, _ in net.named_parameters(recurse=False)] == ["scale"]
    assert [name for name, _ in net.named_parameters(prefix="net")][:2] == ["net.scale", "net.first.weight"]
    assert net.get_parameter("rest.1.weight") is net.rest[1].weight
    assert net.get_submodule("rest.0") is net.rest[0]
    assert net.get_submodule("") is net
    assert net.get_buffer("seen") is net.seen


@pytest.mark.parametrize(
    ("get", "name"),
    [
        ("get_parameter", "rest.5.weight"),
        ("get_parameter", "rest"),
        ("get_submodule", "scale"),
        ("get_buffer", "scale"),
        ("get_buffer", "no.where"),
    ],
)
def test_what_is_not_there_is_named(get: str, name: str) -> None:
    with pytest.raises(AttributeError, match=f"Net has no .* '{name}'"):
        getattr(Net(), get)(name)


def test_a_shared_parameter_counts_once_and_is_twice_in_the_state() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    assert len(list(net.parameters())) == 3
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert len(net.state_dict()) == 4
    net.append(net[0])
    assert len(list(net.modules())) == 3
    assert list(net.children()) == [net[0], net[1]]


def test_a_module_that_forgets_to_call_super_is_whole() -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(2, 2)

    net = Forgetful()
    assert net.training
    assert len(list(net.parameters())) == 2


def test_train_eval_apply_and_requires_grad() -> None:
    net = Net()
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    assert all(m.training for m in net.train().modules())
    seen = []
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "ReLU", "Linear", "Sequential", "Net"]
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())


def test_gradients_reach_the_parameters_and_are_dropped() -> None:
    net = Net()
    net(mg.ones((5, 3))).sum().backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(not p.grad.data.any() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_dtype_moves_with_parameters_gradients_and_float_buffers() -> None:
    net = Net()
    before = list(net.parameters())
    net(mg.ones((5, 3))).sum().backward()
    net.double()
    assert [a is b for a, b in zip(before, net.parameters(), strict=True)] == [True] * 4
    assert {p.dtype for p in net.parameters()} | {p.grad.dtype for p in net.parameters()} == {np.dtype("float64")}
    assert (net.seen.dtype, net.cache.dtype) == (np.int64, np.float64)
    net(mg.ones((5, 3), dtype="float64")).sum().backward()
    assert net.to("float32").scale.dtype == np.float32
    assert net.to(np.float64).to("cpu").scale.dtype == np.float64
    assert net.to(mg.ones((), dtype="float32")).scale.dtype == np.float32
    assert net.float().to("cpu", "float64").cpu().scale.dtype == np.float64
    with pytest.raises(TypeError, match="floating-point dtype, not to int32"):
        net.to("int32")
    with pytest.raises(ValueError, match="unknown device 'tpu'"):
        net.to("tpu")


def test_deepcopy_copies_values_and_keeps_sharing() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    twin = copy.deepcopy(net)
    assert twin[0].weight is twin[1].weight
    assert twin[0].weight is not net[0].weight
    assert isinstance(twin[0].weight, Parameter)
    twin[0].weight.copy_(0)
    assert net[0].weight.data.any()


def test_a_state_dict_moves_across() -> None:
    mg.manual_seed(1)
    source, target = Net(), Net()
    source.seen = mg.Tensor(7)
    assert target.load_state_dict(source.state_dict()) == ([], [])
    assert target.seen.item() == 7
    x = mg.ones((2, 3))
    np.testing.assert_array_equal(source(x).data, target(x).data)
    assert target.state_dict(prefix="net.").keys() == {f"net.{key}" for key in source.state_dict()}


def test_a_state_dict_that_does_not_fit_changes_nothing_and_is_told_apart() -> None:
    net = Net()
    before = {key: value.numpy().copy() for key, value in net.state_dict().items()}
    state = {key: np.full_like(value, 9) for key, value in before.items()}
    del state["first.bias"]
    state |= {"first.weight": np.zeros((4, 5)), "more": np.zeros(1), "seen": np.array(1j)}
    with pytest.raises(ValueError, match="nothing was loaded") as caught:
        net.load_state_dict(state)
    text = str(caught.value)
    assert "missing: first.bias" in text
    assert "unexpected: more" in text
    assert "misshapen: first.weight: (4, 5), here (4, 3)" in text
    assert "of the wrong type: seen: complex128, here int64" in text
    with pytest.raises(ValueError, match="misshapen"):
        net.load_state_dict(state, strict=False)
    with pytest.raises(TypeError, match="holds a str under 'scale'"):
        net.load_state_dict({"scale": "ones"})
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value.data, before[key])
    assert net.load_state_dict({"scale": np.full(2, 3.0), "more": np.zeros(1)}, strict=False).unexpected_keys == ["more"]
    assert net.scale.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("scale", mg.Tensor([1.0]), "Net.scale is a parameter, and a Tensor was assigned"),
        ("first", 3, "Net.first is a child module, and a int was assigned"),
        ("seen", 3, "Net.seen is a buffer: assign a Tensor or None"),
        ("seen", Parameter([1.0]), "Net.seen is a buffer"),
    ],
)
def test_what_is_something_stays_that(name: str, value: Any, message: str) -> None:
    net = Net()
    with pytest.raises(TypeError, match=message):
        setattr(net, name, value)
    assert name in dict(net.named_parameters()) | dict(net.named_children()) | dict(net.named_buffers())


def test_parts_may_be_set_to_none_and_back() -> None:
    layer = nn.Linear(2, 2)
    layer.bias = None
    assert list(layer.state_dict()) == ["weight"]
    layer.bias = Parameter([0.0, 0.0])
    assert list(layer.state_dict()) == ["weight", "bias"]
    net = Net()
    del net.cache
    assert [name for name, _ in net.named_buffers()] == ["seen"]


def test_names_are_checked() -> None:
    net = Net()
    with pytest.raises(KeyError, match="without a dot"):
        net.add_module("a.b", nn.ReLU())
    with pytest.raises(KeyError, match="already has an attribute 'forward'"):
        net.register_buffer("forward", None)
    with pytest.raises(TypeError, match="expected a Module or None, not a str"):
        net.add_module("new", "relu")
    with pytest.raises(TypeError, match="expected a Parameter or None, not a Tensor"):
        net.register_parameter("new", mg.Tensor(1.0))
    with pytest.raises(TypeError, match="expected a Tensor or None, not a list"):
        net.register_buffer("new", [1])
    assert not hasattr(net, "new")
    net.register_parameter("late", None)
    net.register_parameter("late", Parameter([1.0]))
    assert "late" in net.state_dict()


def test_a_module_without_forward_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Module has no forward method"):
        nn.Module()(1)


def test_repr_is_a_tree() -> None:
    assert repr(Net()) == (
        "Net(\n"
        "  (first): Linear(in_features=3, out_features=4, bias=True)\n"
        "  (rest): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Linear(in_features=4, out_features=2, bias=False)\n"
        "  )\n"
        ")"
    )


# ------------------------------------------------------------------------------------------------------------- hooks


def test_forward_hooks_see_and_replace() -> None:
    layer = nn.Identity()
    seen: list[Any] = []
    pre = layer.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
    post = layer.register_forward_hook(lambda m, args, out: out * 10)
    watch = layer.register_forward_hook(lambda m, args, out: seen.append((m, args[0].item(), out.item())))
    assert layer(mg.Tensor(1.0)).item() == 20
    assert seen == [(layer, 2, 20)]
    pre.remove()
    pre.remove()
    with post:
        pass
    watch.remove()
    assert layer(mg.Tensor(1.0)).item() == 1


class TwoInTwoOut(nn.Module):
    def forward(self, a: Any, b: Any, factor: float) -> Any:
        return a * b * factor, a + b


def test_backward_hooks_see_only_what_went_through_the_module() -> None:
    net, seen = TwoInTwoOut(), []
    net.register_full_backward_pre_hook(lambda m, out: seen.append([g.tolist() for g in out]))
    net.register_full_backward_hook(lambda m, into, out: seen.append([None if g is None else g.tolist() for g in into]))
    a, b = mg.Tensor([2.0, 3.0], requires_grad=True), mg.Tensor([5.0], requires_grad=True)
    product, total = net(a, b, 2.0)
    (product.sum() + 100 * a.sum()).backward()
    assert seen == [[[1, 1], [0, 0]], [[10, 10], [10], None]]
    assert a.grad.tolist() == [110, 110]
    assert total.requires_grad


def test_backward_hooks_replace_and_work_at_every_order() -> None:
    net = nn.Sequential(nn.Tanh())
    net.register_full_backward_pre_hook(lambda m, out: (out[0] * 3,))
    net.register_full_backward_hook(lambda m, into, out: (into[0] * 2,))
    x = mg.Tensor([0.5], requires_grad=True)
    (g,) = mg.grad(net(x).sum(), x, create_graph=True)
    slope = 1 - np.tanh(0.5) ** 2
    np.testing.assert_allclose(g.data, 6 * slope, rtol=1e-6)
    (gg,) = mg.grad(g.sum(), x)
    # the second pass goes through the hooks again where the first one used the output of the module
    assert gg.item() != 0


def test_a_backward_hook_on_the_first_layer_gets_no_gradient_of_the_input() -> None:
    layer, seen = nn.Linear(2, 3), []
    layer.register_full_backward_hook(lambda m, into, out: seen.append((into, out[0].shape)))
    layer(mg.ones((4, 2))).sum().backward()
    assert seen == [((None,), (4, 3))]
    with mg.no_grad():
        layer(mg.ones((4, 2)))
    assert len(seen) == 1


def test_a_backward_hook_that_returns_too_much_is_refused() -> None:
    layer = nn.Identity()
    layer.register_full_backward_hook(lambda m, into, out: (into[0], into[0]))
    with pytest.raises(ValueError, match="a backward hook returned 2 gradients, expected 1"):
        layer(mg.Tensor([1.0], requires_grad=True)).sum().backward()


def test_backward_hooks_leave_dtypes_alone_and_may_drop_a_gradient() -> None:
    class Two(nn.Module):
        def forward(self, a: Any, b: Any) -> Any:
            return a * 2, b * 3

    two, seen = Two(), []
    two.register_full_backward_hook(lambda m, into, out: seen.extend(g.dtype for g in (*into, *out)))
    a, b = mg.ones(2, dtype="float32", requires_grad=True), mg.ones(2, dtype="float64", requires_grad=True)
    y, z = two(a, b)
    assert [y.dtype, z.dtype] == ["float32", "float64"]
    (y.sum() + z.sum()).backward()
    assert seen == ["float32", "float64"] * 2
    two.register_full_backward_hook(lambda m, into, out: (None, into[1]))
    y, z = two(a, b)
    (y.sum() + z.sum()).backward()
    assert a.grad.tolist() == [2, 2]
    assert b.grad.tolist() == [6, 6]


# -------------------------------------------------------------------------------------------------------- containers


def test_module_list_is_a_list() -> None:
    layers = nn.ModuleList([nn.Linear(1, 1), nn.ReLU()])
    layers.append(nn.Tanh()).extend([nn.ELU()])
    layers.insert(0, nn.Identity())
    assert [type(m).__name__ for m in layers] == ["Identity", "Linear", "ReLU", "Tanh", "ELU"]
    assert list(layers.state_dict()) == ["1.weight", "1.bias"]
    layers[1] = nn.GELU()
    del layers[0]
    assert [name for name, _ in layers.named_children()] == ["0", "1", "2", "3"]
    assert isinstance(layers[1:3], nn.ModuleList)
    assert (len(layers), type(layers[-1])) == (4, nn.ELU)
    with pytest.raises(TypeError, match="ModuleList holds Modules, not a int"):
        layers.append(3)
    with pytest.raises(IndexError):
        layers[4]
    assert len(layers) == 4


def test_sequential_takes_a_dict_of_names() -> None:
    net = nn.Sequential({"flat": nn.Flatten(), "out": nn.Linear(4, 2)})
    assert list(net.state_dict()) == ["out.weight", "out.bias"]
    assert net(mg.ones((3, 2, 2))).shape == (3, 2)
    assert len(net) == 2
    assert type(net[0]) is nn.Flatten


def test_a_sequential_with_names_keeps_them_as_pytorch_does() -> None:
    net = nn.Sequential({"flat": nn.Flatten(), "hidden": nn.Linear(4, 3), "out": nn.Linear(3, 2)})
    assert list(net[1:].state_dict()) == ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]
    net[1] = nn.Linear(4, 3, bias=False)
    net.append(nn.Linear(2, 1, bias=False))
    assert list(net.state_dict()) == ["hidden.weight", "out.weight", "out.bias", "3.weight"]
    assert len(net) == 4
    with pytest.raises(TypeError, match="Sequential holds Modules, not a int"):
        net.extend([nn.ReLU(), 3])
    with pytest.raises(IndexError):
        net[4] = nn.ReLU()
    assert net(mg.ones((1, 2, 2))).shape == (1, 1)
    del net[0]  # and now all are numbered anew
    assert list(net.state_dict()) == ["0.weight", "1.weight", "1.bias", "2.weight"]
    assert list(net[1:].append(nn.Linear(1, 1)).state_dict()) == ["1.weight", "1.bias", "2.weight", "3.weight", "3.bias"]


def test_module_dict_is_a_dict() -> None:
    layers = nn.ModuleDict({"a": nn.Linear(1, 1), "b": nn.ReLU()})
    layers["c"] = nn.Tanh()
    assert list(layers) == list(layers.keys()) == ["a", "b", "c"]
    assert "a" in layers
    assert len(list(layers.values())) == len(layers) == len(list(layers.items())) == 3
    assert isinstance(layers.pop("b"), nn.ReLU)
    with pytest.raises(KeyError):
        del layers["b"]
    with pytest.raises(KeyError, match="already has an attribute 'items'"):
        layers["items"] = nn.ReLU()
    assert list(layers.state_dict()) == ["a.weight", "a.bias"]


def test_parameter_containers() -> None:
    weights = nn.ParameterList([Parameter([1.0])])
    weights.append(Parameter([2.0]))
    assert list(weights.state_dict()) == ["0", "1"]
    by_name = nn.ParameterDict({"w": Parameter([1.0])})
    assert list(by_name.state_dict()) == ["w"]
    with pytest.raises(TypeError, match="expected a Parameter"):
        by_name["b"] = mg.Tensor([1.0])
