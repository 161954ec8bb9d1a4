"""Algorithm 2: population statistics, and folding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core.graph import newest_first

rng = np.random.default_rng(4)


def batches(n: int, m: int, *shape: int) -> list[tuple[mg.Tensor, int]]:
    return [(mg.Tensor(rng.standard_normal((m, *shape)) * 2 + 1), 0) for _ in range(n)]


def count_batch_norms(model: nn.Module) -> int:
    return sum(type(module).__name__.startswith("BatchNorm") for module in model.modules())


# ------------------------------------------------------------------------------------------------ population statistics


@pytest.mark.parametrize("m", [2, 4, 8, 32])
def test_the_variance_is_unbiased_at_any_batch_size(m: int) -> None:
    """A5: the average of the biased variance is (m - 1) / m of the true one; here the correction is made."""
    bn, x = nn.BatchNorm1d(1).double(), np.random.default_rng(0).standard_normal((2000, m, 1))
    nn.population_statistics(bn, [mg.Tensor(part) for part in x])
    biased = x.var(axis=1).mean()
    assert bn.running_var.item() == pytest.approx(biased * m / (m - 1), rel=1e-12)
    assert bn.running_var.item() == pytest.approx(1.0, abs=5 * np.sqrt(2 / (2000 * (m - 1))))


def test_averages_over_batches() -> None:
    bn, loader = nn.BatchNorm2d(3).double(), batches(5, 4, 3, 2, 2)
    xs = np.stack([x.numpy() for x, _ in loader])
    assert nn.population_statistics(bn, loader) is bn
    np.testing.assert_allclose(bn.running_mean.numpy(), xs.mean((0, 1, 3, 4)), rtol=1e-12)
    np.testing.assert_allclose(bn.running_var.numpy(), xs.var((1, 3, 4), ddof=1).mean(0), rtol=1e-12)
    assert bn.num_batches_tracked.item() == 5
    assert bn.momentum == 0.1


def test_modes_gradients_and_other_layers_are_left_alone() -> None:
    frozen = nn.BatchNorm1d(3).freeze()
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.BatchNorm1d(3), frozen).double()
    model[1].eval()
    nn.population_statistics(model, batches(3, 6, 3))
    assert [module.training for module in model.modules()] == [True, True, False, True, True]
    assert frozen.num_batches_tracked.item() == 0
    assert all(p.grad is None for p in model.parameters())


def test_dropout_is_off_meanwhile() -> None:
    model = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm1d(3)).double()
    loader = batches(4, 8, 3)
    nn.population_statistics(model, loader)
    np.testing.assert_allclose(model[1].running_mean.numpy(), np.concatenate([x.numpy() for x, _ in loader]).mean(0), rtol=1e-12)


@pytest.mark.parametrize("loader", [[], [mg.Tensor(np.ones((4, 3))), mg.Tensor(np.ones((4, 2)))]], ids=["empty", "a bad batch"])
def test_after_an_error_the_statistics_are_the_old_ones(loader: Any) -> None:
    bn = nn.BatchNorm1d(3).double().eval()
    bn.running_mean = mg.Tensor(np.array([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match=r"empty|2 channels"):
        nn.population_statistics(bn, loader)
    np.testing.assert_array_equal(bn.running_mean.numpy(), [1.0, 2.0, 3.0])
    assert (bn.training, bn.momentum) == (False, 0.1)


def test_a_model_without_statistics() -> None:
    for model in (nn.Linear(3, 3), nn.BatchNorm1d(3, track_running_stats=False), nn.BatchNorm1d(3).freeze()):
        with pytest.raises(ValueError, match="no batch norm with running statistics"):
            nn.population_statistics(model, batches(1, 4, 3))


# -------------------------------------------------------------------------------------------------------------- folding


def settled(model: nn.Module, *shape: int) -> nn.Module:
    """The model in float64, with statistics and affine parameters that are not the initial ones."""
    model.double()
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)) and module.affine:
            module.weight.copy_(rng.standard_normal(module.num_features))
            module.bias.copy_(rng.standard_normal(module.num_features))
    for x, _ in batches(5, 8, *shape):
        model(x)
    return model


CHAINS = [
    pytest.param(lambda: [nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2), nn.BatchNorm1d(2)], (4,), id="linear"),
    pytest.param(lambda: [nn.Linear(4, 3, bias=False), nn.BatchNorm1d(3, affine=False)], (4,), id="linear without bias, not affine"),
    pytest.param(lambda: [nn.Conv1d(4, 6, 3, groups=2), nn.BatchNorm1d(6)], (4, 5), id="conv1d in groups"),
    pytest.param(lambda: [nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU()], (2, 4, 4), id="conv2d"),
    pytest.param(lambda: [nn.Conv3d(2, 3, 2, bias=False), nn.BatchNorm3d(3)], (2, 3, 3, 3), id="conv3d without bias"),
    pytest.param(lambda: [nn.ConvTranspose2d(4, 6, 3, groups=2), nn.BatchNorm2d(6)], (4, 3, 3), id="transposed in groups"),
]


@pytest.mark.parametrize(("layers", "shape"), CHAINS)
def test_folded_is_equal_and_has_no_batch_norm(layers: Any, shape: tuple[int, ...]) -> None:
    """A5: <= 1e-12 from the evaluation mode, and no batch norm op is left."""
    model = settled(nn.Sequential(*layers()), *shape)
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    x = mg.Tensor(rng.standard_normal((3, *shape)), requires_grad=True)
    for folded in (nn.fold_batch_norm(model), nn.fold_batch_norm(model, x.detach())):
        assert count_batch_norms(folded) == 0
        y, expected = folded(x), model.eval()(x)
        assert abs(y.detach().numpy() - expected.detach().numpy()).max() <= 1e-12
        assert not {"batch_norm", "fixed_batch_norm"} & {node.name for node in newest_first([y.node])}
        assert not folded.training
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])


class Residual(nn.Module):
    """Batch norm where no Sequential shows it; the second convolution has two users, so its batch norm must stay."""

    def __init__(self) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(3), nn.Conv2d(2, 3, 1)
        self.conv2, self.bn2 = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, x: Any) -> Any:
        h = self.conv2(self.bn1(self.conv1(x)).relu())
        return h + self.bn2(h)


def test_an_example_shows_what_follows_what() -> None:
    model = settled(Residual(), 2, 2, 2)
    x = mg.Tensor(rng.standard_normal((3, 2, 2, 2)))
    assert count_batch_norms(nn.fold_batch_norm(model)) == 2
    folded = nn.fold_batch_norm(model, x)
    assert isinstance(folded.bn1, nn.Identity)
    assert isinstance(folded.bn2, nn.BatchNorm2d)
    np.testing.assert_allclose(folded(x).detach().numpy(), model.eval()(x).detach().numpy(), atol=1e-12)


def test_shared_layers_are_not_folded() -> None:
    linear = nn.Linear(3, 3)
    model = settled(nn.Sequential(linear, nn.BatchNorm1d(3), nn.ReLU(), linear), 3)
    x = mg.Tensor(rng.standard_normal((4, 3)))
    for folded in (nn.fold_batch_norm(model), nn.fold_batch_norm(model, x)):
        assert count_batch_norms(folded) == 1
        np.testing.assert_allclose(folded(x).detach().numpy(), model.eval()(x).detach().numpy(), atol=1e-14)


def test_a_batch_norm_behind_something_else_stays() -> None:
    model = settled(nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.BatchNorm1d(3)), 3)
    assert count_batch_norms(nn.fold_batch_norm(model)) == 1


def test_a_linear_layer_with_three_axes_is_not_taken_for_one_with_channels() -> None:
    """Behind a Linear, batch norm of (N, C, L) normalizes axis 1, and the output features are axis 2."""
    model = settled(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), 3, 3)
    x = mg.Tensor(rng.standard_normal((4, 3, 3)))
    folded = nn.fold_batch_norm(model, x)
    assert count_batch_norms(folded) == 1
    np.testing.assert_allclose(folded(x).detach().numpy(), model.eval()(x).detach().numpy(), atol=1e-14)


def test_no_statistics_to_fold() -> None:
    with pytest.raises(ValueError, match="1 has track_running_stats=False"):
        nn.fold_batch_norm(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3, track_running_stats=False)))
