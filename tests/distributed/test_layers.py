"""Layers with a group: their parts of a batch give what the layer without one gives of the whole batch, running statistics included."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from support.derivatives import SHARDS, error

import minigrad as mg
from minigrad import nn
from minigrad.distributed import gather_rows, spmd, synchronize

LAYERS = {
    "BatchNorm1d": (lambda: nn.BatchNorm1d(3), (3,)),
    "BatchNorm1d of sequences": (lambda: nn.BatchNorm1d(3, momentum=None), (3, 4)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3, affine=False), (3, 2, 2)),
    "BatchNorm2d without bias": (lambda: nn.BatchNorm2d(3, bias=False), (3, 2, 2)),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(3, track_running_stats=False), (3, 2, 1, 2)),
    "BatchNorm1d and ReLU": (lambda: nn.Sequential(nn.BatchNorm1d(3), nn.ReLU()), (3,)),
    "BatchRenorm": (lambda: nn.BatchRenorm(3, r_max=1.2, d_max=0.3), (3, 2)),
    "BatchRenorm without weight": (lambda: nn.BatchRenorm(3, affine=False), (3,)),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(3, affine=True, track_running_stats=True), (3, 5)),
    "ZCAWhitening": (lambda: nn.ZCAWhitening(3, eps=0.1), (3,)),
}


def after_two_steps(layer, batches, cotangents):
    """Outputs, gradients of x and of the parameters, buffers: after two training steps and one in evaluation."""
    outputs, gradients = [], []
    for x, g in zip(batches, cotangents, strict=True):
        leaf = mg.Tensor(x, requires_grad=True)
        y = layer(leaf)
        (y * y * g).sum().backward()
        outputs.append(y.data)
        gradients.append(leaf.grad.data)
    layer.eval()
    outputs.append(layer(mg.Tensor(batches[0])).data)
    return outputs, gradients, [p.grad.data for p in layer.parameters()], [b.data for b in layer.buffers() if b is not None]


@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("name", LAYERS)
def test_parts_of_a_batch_are_the_whole_batch(name, size):
    make, shape = LAYERS[name]
    rng = np.random.default_rng(3)
    ends = np.cumsum([0, *SHARDS[size]])
    batches = [rng.normal(size=(ends[-1], *shape)) * 2 + 1 for _ in range(2)]
    cotangents = [rng.normal(size=b.shape) for b in batches]
    outputs, gradients, parameters, buffers = after_two_steps(make().double(), batches, cotangents)

    def run(group):
        mine = slice(ends[group.rank], ends[group.rank + 1])
        layer = synchronize(make().double(), group)
        found = after_two_steps(layer, [b[mine] for b in batches], [c[mine] for c in cotangents])
        for got, whole in zip([*found[0], *found[1]], [*outputs, *gradients], strict=True):
            assert error(got, whole[mine], whole) < 1e-12
        for got, whole in zip(found[2], parameters, strict=True):
            assert error(group.all_reduce(got), whole, whole) < 1e-12
        for got, whole in zip(found[3], buffers, strict=True):
            assert error(got, whole, whole) < 1e-12
            assert len({v.tobytes() for v in group.exchange(got)}) == 1, "running statistics have the same bits on all ranks"

    spmd(size, run)


def test_evaluation_and_frozen_layers_send_nothing():
    def run(group):
        model = synchronize(nn.Sequential(nn.BatchNorm1d(3), nn.ReLU(), nn.InstanceNorm1d(3, track_running_stats=True)).double(), group)
        model.eval()
        model(mg.Tensor(np.ones((2, 3, 4))))
        frozen = synchronize(nn.BatchNorm1d(3).double().freeze(), group)
        frozen(mg.Tensor(np.ones((2, 3)), requires_grad=True)).sum().backward()
        return group.calls

    assert spmd(2, run) == [0, 0]


def test_two_messages_a_step_and_none_for_the_running_statistics():
    def run(group):
        model = synchronize(nn.Sequential(nn.BatchNorm1d(3), nn.ReLU()).double(), group)
        model(mg.Tensor(np.random.default_rng(group.rank).normal(size=(4, 3)), requires_grad=True)).sum().backward()
        return group.calls

    assert spmd(3, run) == [2] * 3


def test_state_dict_repr_copies_and_undoing():
    def run(group):
        plain, model = nn.Sequential(nn.BatchNorm1d(3), nn.ZCAWhitening(3)), nn.Sequential(nn.BatchNorm1d(3), nn.ZCAWhitening(3))
        synchronize(model, group)
        assert list(model.state_dict()) == list(plain.state_dict())
        model.load_state_dict(plain.state_dict())
        assert repr(model).count("over 2 ranks") == 2
        assert copy.deepcopy(model)[0].group is group
        assert repr(synchronize(model, None)) == repr(plain)

    spmd(2, run)


def test_one_value_on_all_ranks_together_is_refused_and_changes_nothing():
    def run(group):
        layer = synchronize(nn.BatchNorm1d(3), group)
        with pytest.raises(ValueError, match=r"BatchNorm1d: a batch of shape .*the only one on 2 ranks, has one value per channel"):
            layer(mg.ones((1 - group.rank, 3)))
        assert int(layer.num_batches_tracked.data) == 0
        return layer(mg.Tensor(np.full((1, 3), float(group.rank), np.float32))).data  # one on each is two

    first, second = spmd(2, run)
    np.testing.assert_allclose(first, -second)


def test_checkpointing_sends_the_statistics_again_and_counts_them_once():
    def run(group):
        x = np.random.default_rng(group.rank).normal(size=(4 + group.rank, 3))
        found = []
        for recompute in (False, True):
            layer, leaf = synchronize(nn.BatchNorm1d(3).double(), group), mg.Tensor(x, requires_grad=True)

            def f(v, layer=layer):
                return mg.tanh(layer(v) * 2.0)

            y, before = mg.checkpoint(f, leaf) if recompute else f(leaf), group.calls
            (y**3).sum().backward()
            found.append((leaf.grad.data, layer.running_var.data, int(layer.num_batches_tracked.data), group.calls - before))
        (a, va, na, ca), (b, vb, nb, cb) = found
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(va, vb)
        return na, nb, ca, cb

    assert spmd(2, run) == [(1, 1, 1, 2)] * 2


def test_gather_rows():
    def run(group):
        x = np.full((SHARDS[4][group.rank], 2), float(group.rank))
        whole, mine = gather_rows(x, group=group)
        np.testing.assert_array_equal(whole[mine], x)
        return whole[:, 0].tolist()

    assert spmd(4, run) == [[float(r) for r, n in enumerate(SHARDS[4]) for _ in range(n)]] * 4
