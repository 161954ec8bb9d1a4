"""The layers that normalize each sample by itself, beside PyTorch's; and whitening."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn

rng = np.random.default_rng(6)

LAYERS = [
    ("LayerNorm", (4,), {}, (2, 3, 4)),
    ("LayerNorm", ((3, 4),), {"eps": 0.1, "bias": False}, (2, 3, 4)),
    ("LayerNorm", ([4],), {"elementwise_affine": False}, (2, 3, 4)),
    ("RMSNorm", (4,), {}, (2, 3, 4)),
    ("RMSNorm", ((3, 4),), {"eps": 0.1, "elementwise_affine": False}, (2, 3, 4)),
    ("GroupNorm", (2, 4), {"eps": 0.1}, (3, 4, 2, 2)),
    ("GroupNorm", (2, 4), {"affine": False}, (3, 4)),
    ("InstanceNorm1d", (3,), {"affine": True, "eps": 0.1}, (2, 3, 4)),
    ("InstanceNorm1d", (3,), {}, (3, 4)),
    ("InstanceNorm2d", (3,), {"track_running_stats": True}, (2, 3, 4, 2)),
    ("InstanceNorm3d", (3,), {"track_running_stats": True, "momentum": 0.4, "affine": True}, (2, 3, 2, 2, 2)),
    ("LocalResponseNorm", (3,), {"alpha": 0.5, "beta": 0.6, "k": 1.5}, (2, 5, 3)),
    ("LocalResponseNorm", (2,), {}, (2, 5, 3, 2)),
]


@pytest.mark.torch
@pytest.mark.parametrize(("name", "args", "options", "shape"), LAYERS, ids=lambda v: str(v) if isinstance(v, str) else None)
def test_equal_to_pytorch(name: str, args: Any, options: Any, shape: Any) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the reference here and no dependency")
    ours, theirs = getattr(nn, name)(*args, **options).double(), getattr(torch.nn, name)(*args, **options).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    state = {k: v.numpy() for k, v in ours.state_dict().items()}
    state |= {k: state[k] + rng.standard_normal(state[k].shape) for k, _ in ours.named_parameters()}
    ours.load_state_dict(state)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    for t in range(4):
        x, g = rng.standard_normal(shape) + t, rng.standard_normal(shape)
        a, b = mg.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y, ty = ours.train(t < 3)(a), theirs.train(t < 3)(b)
        y.backward(g)
        ty.backward(torch.tensor(g))
        pairs = [(y, ty), (a.grad, b.grad), *((p.grad, q.grad) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True))]
        pairs += [(v, theirs.state_dict()[k]) for k, v in ours.named_buffers() if k != "num_batches_tracked"]
        for p, q in pairs:
            assert p.shape == tuple(q.shape)
            assert abs(p.detach().numpy() - q.detach().numpy()).max() <= 1e-10


def test_instance_norm_counts_its_batches() -> None:
    layer = nn.InstanceNorm1d(3, track_running_stats=True, momentum=None)
    xs = [mg.Tensor(rng.standard_normal((2, 3, 4)).astype(np.float32)) for _ in range(3)]
    for x in xs:
        layer(x)
    assert layer.num_batches_tracked.item() == 3
    np.testing.assert_allclose(layer.running_mean.numpy(), np.mean([x.numpy().mean((0, 2)) for x in xs], axis=0), atol=1e-6)


def test_whitening_layer() -> None:
    """Evaluation uses the averages, which settle on the statistics of the batch."""
    layer = nn.ZCAWhitening(3, eps=1e-12, momentum=0.5).double()
    x = mg.Tensor(rng.standard_normal((50, 3)) @ rng.standard_normal((3, 3)) + 1)
    y = layer(x).numpy()
    np.testing.assert_allclose(y.T @ y / 50, np.eye(3), atol=1e-9)
    for _ in range(50):
        layer(x)
    np.testing.assert_allclose(layer.eval()(x).numpy(), y, atol=1e-9)
    assert list(layer.state_dict()) == ["running_mean", "running_matrix"]
    with pytest.raises(ValueError, match=r"expected an input of shape \(N, 3\)"):
        layer(mg.Tensor(np.ones((4, 2))))


def test_whitening_layer_keeps_its_dtype() -> None:
    layer = nn.ZCAWhitening(3)
    layer(mg.Tensor(rng.standard_normal((9, 3))))
    assert layer.running_mean.dtype == layer.running_matrix.dtype == np.float32


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nn.LayerNorm(4)(mg.Tensor(np.ones((2, 3)))), r"layer_norm: the last axes .*, of shape \(2, 3\), should be \(4,\)"),
        (lambda: nn.LayerNorm(()), "LayerNorm: normalized_shape must name"),
        (lambda: nn.RMSNorm((3, 4))(mg.Tensor(np.ones(4))), r"should be \(3, 4\)"),
        (lambda: nn.GroupNorm(3, 4), "num_channels=4 must be divisible by num_groups=3"),
        (lambda: nn.GroupNorm(2, 4)(mg.Tensor(np.ones((2, 6, 2)))), r"expected an input of shape \(N, 4, ...\), got \(2, 6, 2\)"),
        (lambda: nn.GroupNorm(4, 4)(mg.Tensor(np.ones((2, 4)))), "one value in each of 4 groups"),
        (lambda: nn.InstanceNorm1d(4)(mg.Tensor(np.ones((2, 4, 1)))), "one position per channel"),
        (lambda: nn.InstanceNorm2d(4)(mg.Tensor(np.ones((2, 4)))), "InstanceNorm2d: expected an input with 4 axes"),
        (lambda: nn.InstanceNorm1d(4)(mg.Tensor(np.ones((2, 3, 5)))), "has 3 channels; this layer has 4"),
        (lambda: nn.functional.batch_norm(mg.Tensor(np.ones((1, 3))), None, None, training=True), "one value per channel"),
    ],
)
def test_bad_input(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_functional_instance_norm_has_the_signature_of_pytorch() -> None:
    x, mean, var = rng.standard_normal((2, 3, 5)), mg.Tensor(np.zeros(3)), mg.Tensor(np.ones(3))
    layer = nn.InstanceNorm1d(3, affine=True, track_running_stats=True).double()
    y = nn.functional.instance_norm(mg.Tensor(x), mean, var, layer.weight, layer.bias, True, 0.1, 1e-5)
    np.testing.assert_allclose(y.detach().numpy(), layer(mg.Tensor(x)).detach().numpy(), rtol=1e-14)
    np.testing.assert_allclose(mean.numpy(), layer.running_mean.numpy(), rtol=1e-14)
    np.testing.assert_allclose(var.numpy(), layer.running_var.numpy(), rtol=1e-14)
    evaluated = nn.functional.instance_norm(mg.Tensor(x), mean, var, use_input_stats=False)
    np.testing.assert_allclose(evaluated.numpy(), layer.eval()(mg.Tensor(x)).detach().numpy(), rtol=1e-14)
    with pytest.raises(ValueError, match="one position per channel"):
        nn.functional.instance_norm(mg.Tensor(x[..., :1]))


def test_functional_batch_norm_overwrites_the_statistics_given() -> None:
    x, mean, var = rng.standard_normal((6, 3)), mg.Tensor(np.zeros(3)), mg.Tensor(np.ones(3))
    bn = nn.BatchNorm1d(3).double()
    y = nn.functional.batch_norm(mg.Tensor(x), mean, var, training=True)
    np.testing.assert_allclose(y.numpy(), bn(mg.Tensor(x)).detach().numpy(), rtol=1e-14)
    np.testing.assert_allclose(mean.numpy(), bn.running_mean.numpy(), rtol=1e-14)
    np.testing.assert_allclose(var.numpy(), bn.running_var.numpy(), rtol=1e-14)
    evaluated = nn.functional.batch_norm(mg.Tensor(x), mean, var)
    np.testing.assert_allclose(evaluated.numpy(), bn.eval()(mg.Tensor(x)).detach().numpy(), rtol=1e-14)
