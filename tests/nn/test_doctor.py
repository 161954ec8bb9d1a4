"""The batch norm report: a patient for each finding, and a healthy one."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn

rng = np.random.default_rng(5)


def batches(n: int, m: int, features: int = 3, scale: float = 1.0) -> list[tuple[mg.Tensor, None]]:
    return [(mg.Tensor((rng.standard_normal((m, features)) * scale).astype(np.float32)), None) for _ in range(n)]


def trained(model: nn.Module, loader: Any) -> nn.Module:
    return nn.population_statistics(model, loader)


def findings(model: nn.Module, loader: Any) -> list[str]:
    return [str(finding) for finding in nn.batch_norm_report(model, loader).findings]


def test_a_healthy_model() -> None:
    """With settled statistics and batches of 60, training and evaluation differ by about 0.1 standard deviations."""
    loader = batches(20, 60)
    model = trained(nn.Sequential(nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4), nn.ReLU()), loader)
    state = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    report = nn.batch_norm_report(model, loader)
    assert report.ok
    assert "nothing to advise" in str(report)
    (row,) = report.layers
    assert (row.name, row.values, row.flat) == ("1", (60, 60), 0)
    assert 0.05 < row.gap < 0.2
    assert row.mean_off < 1e-4
    assert row.var_ratio < 1.001
    assert model.training
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), state[name])


@pytest.mark.parametrize(
    ("make", "loader", "words"),
    [
        (lambda: nn.BatchNorm1d(3), batches(3, 32), "never updated.*population_statistics"),
        (lambda: trained(nn.BatchNorm1d(3), batches(3, 32, scale=3.0)), batches(3, 32), "stale running statistics.*factor of up to"),
        (lambda: trained(nn.BatchNorm1d(3), batches(200, 4)), batches(200, 4), "only 4 values per channel.*GroupNorm"),
        (lambda: trained(nn.BatchNorm1d(3), batches(9, 32)), [*batches(9, 32), *batches(1, 5)], "short last batch: 5.*drop_last=True"),
        (lambda: trained(nn.BatchNorm1d(3), batches(9, 32)), [*batches(9, 32), *batches(1, 1)], "one value per channel.*drop_last=True"),
        (lambda: trained(nn.BatchNorm1d(3), batches(9, 32)), batches(9, 1), "one value per channel.*larger batches, or LayerNorm"),
        (lambda: trained(nn.BatchNorm1d(3), batches(99, 32, scale=1e-3)), batches(99, 32, scale=1e-3), "3 of 3 channels.*below eps"),
        (lambda: nn.BatchNorm1d(3, track_running_stats=False), batches(9, 32), "evaluation depends on the batch"),
        (
            lambda: trained(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), batches(99, 32)),
            batches(9, 32),
            "1: the bias of 0 has no effect.*bias=False",
        ),
    ],
)
def test_findings(make: Any, loader: Any, words: str) -> None:
    found = findings(make(), loader)
    assert any(re.search(words, line) for line in found), found


def test_batches_with_means_of_their_own_show_as_a_gap() -> None:
    """The averages are right, and still training and evaluation differ."""
    loader = [(mg.Tensor((rng.standard_normal((64, 3)) + (-1) ** i).astype(np.float32)), None) for i in range(20)]
    bn = trained(nn.BatchNorm1d(3), loader)
    assert any("training and evaluation differ by" in line and "BatchRenorm" in line for line in findings(bn, loader))


def test_the_bias_is_redundant_indeed() -> None:
    """A9: its gradient is rounding."""
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).double()
    y = model(mg.Tensor(rng.standard_normal((8, 3))))
    y.backward(rng.standard_normal((8, 3)))
    assert abs(model[0].bias.grad.numpy()).max() <= 1e-15 * 8 * abs(model[0].weight.grad.numpy()).max()


def test_a_layer_that_is_not_used() -> None:
    class Lonely(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.spare = nn.BatchNorm1d(3), nn.BatchNorm1d(3)

        def forward(self, x: Any) -> Any:
            return self.used(x)

    assert any(line.startswith("spare: the layer was not used") for line in findings(Lonely(), batches(3, 32)))


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="no batch norm"):
        nn.batch_norm_report(nn.Linear(3, 3), batches(1, 4))
    with pytest.raises(ValueError, match="the loader is empty"):
        nn.batch_norm_report(nn.BatchNorm1d(3), [])


def classes(order: str, n: int = 20, m: int = 32) -> list[tuple[mg.Tensor, mg.Tensor]]:
    labels = rng.integers(0, 10, n * m) if order == "shuffled" else np.sort(rng.integers(0, 10, n * m))
    return [(mg.Tensor(rng.standard_normal((m, 3)).astype(np.float32)), mg.Tensor(labels[i * m : (i + 1) * m])) for i in range(n)]


def test_sorted_data_is_seen_and_shuffled_data_is_not() -> None:
    model = trained(nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 10)), classes("shuffled"))
    assert not findings(model, classes("shuffled"))
    (line,) = findings(model, classes("sorted"))
    assert re.search(r"the loader: its batches have 1\.\d classes on average, and would have 9\.\d by chance.*shuffle=True", line)
    assert not findings(model, classes("sorted")[:3])  # of which no order can be told


def deep(activation: type[nn.Module], depth: int = 30, norm: Any = nn.BatchNorm1d) -> nn.Module:
    mg.manual_seed(0)
    layers = [layer for _ in range(depth) for layer in (nn.Linear(64, 64, bias=False), norm(64), activation())]
    return trained(nn.Sequential(*layers), batches(20, 128, 64))


def test_gradients_that_grow_with_depth_are_seen() -> None:
    loader = batches(20, 128, 64)
    model = deep(nn.ReLU)
    state = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    (line,) = [line for line in findings(model, loader) if "gradients" in line]
    assert re.search(r"the model: gradients grow [\de.+]+ times from the last to the first of 30 batch norms.*skip connections", line)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), state[name])
    assert not any("gradients" in line for line in findings(deep(nn.ReLU, depth=5), loader))
    assert not any("gradients" in line for line in findings(deep(nn.Identity), loader))


def test_a_momentum_too_slow_for_the_batches_so_far_is_named() -> None:
    slow, fast = nn.BatchNorm1d(3, momentum=0.01), nn.BatchNorm1d(3, momentum=0.1)
    loader = batches(44, 60, scale=5.0)
    for x, _ in loader:
        slow(x)
        fast(x)
    (line,) = findings(slow, loader)
    assert "after 44 batches at momentum=0.01, 64% of them is still their start" in line
    assert not any("still their start" in line for line in findings(fast, loader))
