"""The batch norm layers: PyTorch's semantics over training, their state, their errors; and the faults of other frameworks."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F

rng = np.random.default_rng(3)
SHAPES = {"1d": (6, 3), "1d of (N, C, L)": (4, 3, 5), "2d": (4, 3, 2, 3), "3d": (2, 3, 2, 2, 2)}


def layer(kind: str, **options: Any) -> nn.BatchNorm1d:
    made: nn.BatchNorm1d = getattr(nn, f"BatchNorm{kind[:2]}")(3, **options)
    return made.double()


def buffers(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: b.numpy().copy() for name, b in module.named_buffers()}


def unchanged(module: nn.Module, before: dict[str, np.ndarray]) -> None:
    for name, b in module.named_buffers():
        np.testing.assert_array_equal(b.numpy(), before[name], err_msg=name)


# ----------------------------------------------------------------------------------------- fifty steps beside PyTorch


@pytest.mark.torch
@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize(
    ("affine", "track", "momentum"), list(itertools.product((True, False), (True, False), (0.1, None))), ids=lambda v: str(v)
)
def test_equal_to_pytorch_over_fifty_steps(kind: str, affine: bool, track: bool, momentum: float | None) -> None:
    """Outputs, gradients and buffers <= 1e-10, with evaluations in between; and a state dict moves both ways.

    Faults: pytorch #3122, #19902, #19916, #77427, #106366, #4253, #100048, mlx #3817 (which variance is biased), torch/nn #695 and
    pytorch #31498 (momentum, and None), tinygrad #6198 to #6200, #753, pytorch #37823, #38084 (track_running_stats).
    """
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the reference here and no dependency")
    options = {"affine": affine, "track_running_stats": track, "momentum": momentum, "eps": 0.01}
    ours = layer(kind, **options)
    theirs = getattr(torch.nn, f"BatchNorm{kind[:2]}")(3, **options).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    shape, r = SHAPES[kind], np.random.default_rng(0)

    def step(t: int) -> None:
        x, g = r.standard_normal(shape) * (1 + t / 10) + t / 5, r.standard_normal(shape)
        a, b = mg.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y, ty = ours(a), theirs(b)
        close(y, ty)
        y.backward(g)
        ty.backward(torch.tensor(g))
        close(a.grad, b.grad)
        for p, tp in zip(ours.parameters(), theirs.parameters(), strict=True):
            close(p.grad, tp.grad)
            p.copy_(p.data - 0.05 * p.grad.data)
            with torch.no_grad():
                tp -= 0.05 * tp.grad
            p.grad, tp.grad = None, None
        same_state()

    def same_state() -> None:
        for (name, value), (their_name, their_value) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):
            assert name == their_name
            assert np.dtype(value.dtype) == their_value.numpy().dtype
            close(value, their_value)

    def close(a: Any, b: Any) -> None:
        assert a.shape == tuple(b.shape)
        assert abs(a.detach().numpy() - b.detach().numpy()).max() <= 1e-10

    for t in range(50):
        ours.train(t % 7 != 3)
        theirs.train(t % 7 != 3)
        step(t)
    ours.eval()
    theirs.eval()
    step(50)
    fresh, their_fresh = layer(kind, **options), getattr(torch.nn, f"BatchNorm{kind[:2]}")(3, **options).double()
    fresh.load_state_dict(theirs.state_dict())
    their_fresh.load_state_dict({name: torch.tensor(v.numpy()) for name, v in ours.state_dict().items()})
    for name, value in their_fresh.state_dict().items():
        close(fresh.state_dict()[name], value)


# --------------------------------------------------------------------------------------------------- the three modes


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("track", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_table_of_modes(training: bool, track: bool, frozen: bool) -> None:
    """tinygrad #6198 to #6200, #753: what normalizes, and what is updated, in each mode."""
    bn = layer("1d", track_running_stats=track).train(training)
    x = rng.standard_normal((6, 3)) + 2
    if frozen:
        if not track:
            with pytest.raises(RuntimeError, match="no statistics that could be frozen"):
                bn.freeze()
            return
        bn.freeze()
    before = buffers(bn)
    y = bn(mg.Tensor(x)).detach().numpy()
    batch, running = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5), x / np.sqrt(1 + 1e-5)
    uses_batch = not track or (training and not frozen)
    np.testing.assert_allclose(y, batch if uses_batch else running, rtol=1e-12)
    if track and training and not frozen:
        np.testing.assert_allclose(bn.running_mean.numpy(), 0.1 * x.mean(0), rtol=1e-14)
        np.testing.assert_allclose(bn.running_var.numpy(), 0.9 + 0.1 * x.var(0, ddof=1), rtol=1e-14)
        assert bn.num_batches_tracked.item() == 1
    else:
        unchanged(bn, before)


def test_frozen_survives_train_and_learns_its_affine_parameters() -> None:
    bn = layer("1d").freeze()
    model = nn.Sequential(bn).train()
    assert bn.frozen
    x = mg.Tensor(rng.standard_normal((4, 3)), requires_grad=True)
    model(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 1 / np.sqrt(1 + 1e-5))
    assert bn.weight.grad is not None
    assert "frozen=True" in repr(bn)
    bn.freeze(False)(x)
    assert bn.num_batches_tracked.item() == 1


def test_frozen_takes_a_single_sample() -> None:
    assert layer("1d").freeze()(mg.Tensor(rng.standard_normal((1, 3)))).shape == (1, 3)


def test_evaluation_does_not_look_across_the_batch() -> None:
    """A7, exactly: pytorch #5406, #4741, Person_reID #218, VideoPose3D #113, higher #55 (train and evaluation differ)."""
    bn = layer("2d")
    bn(mg.Tensor(rng.standard_normal((4, 3, 2, 2))))
    x = rng.standard_normal((4, 3, 2, 2))
    bn.eval()
    np.testing.assert_array_equal(bn(mg.Tensor(x)).detach().numpy()[2:3], bn(mg.Tensor(x[2:3])).detach().numpy())


def test_evaluation_of_an_empty_batch() -> None:
    assert layer("1d").eval()(mg.Tensor(np.zeros((0, 3)))).shape == (0, 3)


def test_the_backward_pass_of_evaluation_mode() -> None:
    """dezero raises there; chainer #4505 adds eps twice, chainer #2149 and #2214 leave it out. With an eps that is not small."""
    bn = layer("1d", eps=0.5).eval()
    bn.running_var = mg.Tensor(np.array([0.1, 1.0, 3.0]))
    x, g = mg.Tensor(rng.standard_normal((4, 3)), requires_grad=True), rng.standard_normal((4, 3))
    y = bn(x)
    s = 1 / np.sqrt(np.array([0.1, 1.0, 3.0]) + 0.5)
    np.testing.assert_allclose(y.detach().numpy(), x.detach().numpy() * s, rtol=1e-15)
    y.backward(g)
    np.testing.assert_allclose(x.grad.numpy(), g * s, rtol=1e-15)
    np.testing.assert_allclose(bn.weight.grad.numpy(), (g * x.detach().numpy() * s).sum(0), rtol=1e-14)


# --------------------------------------------------------------------------------------------------- the statistics


def test_running_statistics_approach_those_of_the_batch_geometrically() -> None:
    """A6: after k equal batches, exactly 1 - (1 - momentum)^k of the way."""
    bn, x = layer("1d", momentum=0.3), mg.Tensor(rng.standard_normal((5, 3)))
    for _ in range(7):
        bn(x)
    way = 1 - 0.7**7
    np.testing.assert_allclose(bn.running_mean.numpy(), way * x.numpy().mean(0), rtol=1e-13)
    np.testing.assert_allclose(bn.running_var.numpy(), (1 - way) + way * x.numpy().var(0, ddof=1), rtol=1e-13)


def test_momentum_none_is_the_plain_average() -> None:
    """pytorch #31498."""
    bn, xs = layer("1d", momentum=None), rng.standard_normal((5, 4, 3))
    for x in xs:
        bn(mg.Tensor(x))
    np.testing.assert_allclose(bn.running_mean.numpy(), xs.mean((0, 1)), rtol=1e-12)
    np.testing.assert_allclose(bn.running_var.numpy(), xs.var(1, ddof=1).mean(0), rtol=1e-12)


def test_from_keras_turns_the_momentum_around() -> None:
    """keras #6839, pytorch/examples #289, ludwig #2100, d2l #2213, EfficientNet-PyTorch #3: the weight of the old or of the new value."""
    bn = nn.BatchNorm2d.from_keras(3, momentum=0.99, epsilon=1e-3)
    assert bn.momentum == pytest.approx(0.01)
    assert bn.eps == 1e-3
    assert "momentum=0.01 (weight of the new value)" in repr(bn)
    assert "running_var unbiased" in repr(bn)
    assert "None (average of all batches)" in repr(nn.BatchNorm1d(3, momentum=None))


def test_updated_once_under_checkpointing() -> None:
    """pytorch #96136, #62471, fairscale #1035, pfn-extras #117, YOLO-Master #262, Samudra #572, chainer-compiler #98."""
    plain = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.BatchNorm1d(3)).double()
    checkpointed = copy.deepcopy(plain)
    x = rng.standard_normal((6, 3))
    a, b = (mg.Tensor(x, requires_grad=True) for _ in range(2))
    plain(a).square().sum().backward()
    y = mg.checkpoint(checkpointed, b)
    assert checkpointed[1].num_batches_tracked.item() == 1
    y.square().sum().backward()
    assert checkpointed[1].num_batches_tracked.item() == 1
    unchanged(checkpointed, buffers(plain))
    np.testing.assert_allclose(b.grad.numpy(), a.grad.numpy(), rtol=1e-12)


def test_a_gradcheck_and_an_evaluation_leave_them_alone() -> None:
    """PyTorch's gradcheck updates them 50 times."""
    gradcheck = pytest.importorskip("minigrad.gradcheck.check").gradcheck
    bn = layer("1d")
    before = buffers(bn)
    assert gradcheck(bn, (rng.standard_normal((5, 3)),)).ok
    unchanged(bn, before)
    bn.eval()(mg.Tensor(rng.standard_normal((5, 3))))
    unchanged(bn, before)


def test_updated_and_saved() -> None:
    """aprender #2166, Odyssey #5532: never updated, or not in the state dict."""
    bn = nn.BatchNorm1d(3)
    assert list(bn.state_dict()) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    before = buffers(bn)
    bn(mg.Tensor(rng.standard_normal((5, 3)).astype(np.float32)))
    assert all((b.numpy() != before[name]).all() for name, b in bn.named_buffers())
    other = nn.BatchNorm1d(3)
    other.load_state_dict(bn.state_dict())
    unchanged(other, buffers(bn))
    bn.reset_running_stats()
    unchanged(bn, before)


def test_an_update_leaves_older_graphs_valid() -> None:
    """The buffers are replaced, not overwritten, so a graph of the evaluation mode can still run backward."""
    bn = layer("1d").eval()
    x = mg.Tensor(rng.standard_normal((4, 3)), requires_grad=True)
    y = bn(x).sum()
    bn.train()(x)
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), 1 / np.sqrt(1 + 1e-5))


def test_statistics_are_updated_under_no_grad_too() -> None:
    bn = layer("1d")
    with mg.no_grad():
        bn(mg.Tensor(rng.standard_normal((4, 3))))
    assert bn.num_batches_tracked.item() == 1


def test_float16_input_keeps_float32_statistics() -> None:
    bn = nn.BatchNorm1d(3)
    y = bn(mg.Tensor((rng.standard_normal((64, 3)) * 1000).astype(np.float16)))
    assert y.dtype == np.float16
    assert bn.running_var.dtype == np.float32
    assert (bn.running_var.numpy() > 65504).all()


# --------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1)])
def test_one_value_per_channel(shape: tuple[int, ...]) -> None:
    """pytorch #4534, pytorch-semseg #214, fastai #1352, scvi-tools #2314: the error names the cure, and nothing has changed."""
    bn = layer("1d")
    before = buffers(bn)
    words = r"BatchNorm1d: a batch of shape \(1, 3.*one value per channel.*drop_last=True.*eval\(\).*GroupNorm"
    with pytest.raises(ValueError, match=words):
        bn(mg.Tensor(np.ones(shape)))
    unchanged(bn, before)
    with pytest.raises(ValueError, match="one value per channel"):
        layer("1d", track_running_stats=False).eval()(mg.Tensor(np.ones(shape)))
    assert bn.eval()(mg.Tensor(np.ones(shape))).shape == shape


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.BatchNorm2d(3)(mg.Tensor(np.ones((4, 3)))), ValueError, r"BatchNorm2d: expected an input with 4 axes.*\(4, 3\)"),
        (lambda: nn.BatchNorm1d(3)(mg.Tensor(np.ones(3))), ValueError, "2 or 3 axes"),
        (lambda: nn.BatchNorm1d(3)(mg.Tensor(np.ones((4, 5)))), ValueError, r"has 5 channels; this layer has 3"),
        (lambda: nn.BatchNorm1d(3)(mg.Tensor(np.ones((4, 3), int))), TypeError, "floating point, not int64"),
        (lambda: nn.BatchNorm1d(3)(mg.zeros((0, 3))), ValueError, "no values to average"),
        (lambda: nn.BatchNorm1d(3, eps=-1.0), ValueError, "eps=-1.0 must not be negative"),
        (lambda: nn.BatchNorm1d(3, momentum=1.5), ValueError, "momentum=1.5 must lie between 0 and 1"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_buffers_are_untouched_when_the_call_fails() -> None:
    bn = layer("1d")
    bn(mg.Tensor(rng.standard_normal((4, 3))))
    before = buffers(bn)
    for bad in (np.ones((4, 5)), np.ones((1, 3)), np.ones((4, 3), int)):
        with pytest.raises((TypeError, ValueError)):
            bn(mg.Tensor(bad))
    unchanged(bn, before)
    unsafe = layer("1d", eps=0.0)
    before = buffers(unsafe)
    with mg.detect_anomaly(), np.errstate(all="ignore"), pytest.raises(mg.AnomalyError, match="batch_norm"):
        unsafe(mg.Tensor(np.ones((4, 3))))
    unchanged(unsafe, before)


# ---------------------------------------------------------------------------------------------------------- BatchRenorm


def test_batch_renorm_with_settled_statistics_is_its_evaluation_mode() -> None:
    layer = nn.BatchRenorm(3).double()
    x = rng.standard_normal((400, 3)) * 2 + 1
    for part in np.split(x, 20):
        layer.momentum = None
        layer(mg.Tensor(part))
    batch = mg.Tensor(x[:20])
    trained, evaluated = layer(batch).detach().numpy(), copy.deepcopy(layer).eval()(batch).detach().numpy()
    assert abs(trained - evaluated).mean() < 0.02
    assert layer.num_batches_tracked.item() == 21
    assert "r_max=3, d_max=5" in repr(layer)


def test_batch_renorm_without_correction_is_batch_norm() -> None:
    renorm, plain = nn.BatchRenorm(3, r_max=1.0, d_max=0.0).double(), layer("1d")
    for _ in range(3):
        x = rng.standard_normal((5, 3))
        np.testing.assert_allclose(renorm(mg.Tensor(x)).detach().numpy(), plain(mg.Tensor(x)).detach().numpy(), atol=1e-14)
    for name, b in plain.named_buffers():
        np.testing.assert_allclose(renorm.get_buffer(name).numpy(), b.numpy(), rtol=1e-13)


def test_running_statistics_of_the_function_move_in_a_captured_step():
    x = [np.random.default_rng(k).standard_normal((4, 3)).astype(np.float32) for k in range(4)]

    def trained(step_of):
        mean, var = mg.zeros(3), mg.ones(3)
        step = step_of(lambda x: F.batch_norm(x, mean, var, training=True))
        return [step(mg.tensor(a)).numpy() for a in x], mean.numpy(), var.numpy()

    eager, captured = trained(lambda f: f), trained(mg.capture)
    for a, b in zip(eager, captured, strict=True):
        np.testing.assert_array_equal(a, b)
