"""W ranks with parts of a batch train as one process with the whole batch does."""

from __future__ import annotations

import numpy as np
import pytest
from support.parallel import OPTIMIZERS, distance, make_data, make_model, make_trainer, numbers, trained, training_errors

import minigrad as mg
from minigrad import nn, optim, random
from minigrad.data import DataLoader, TensorDataset
from minigrad.distributed import Alone, DesyncError, GradientReducer, compare, share, spmd, synchronize
from minigrad.nn import functional as F
from minigrad.random import Generator
from minigrad.training import NotFiniteError, Trainer

SIZES = pytest.mark.parametrize("size", [2, 3, 4])


@pytest.mark.parametrize("size", [2, pytest.param(3, marks=pytest.mark.thorough)])
def test_fifty_steps_are_those_of_one_process(size):
    for found in spmd(size, training_errors):
        for name, error, bound in found:
            assert error <= bound, name


@SIZES
def test_history_schedules_averages_and_validation_are_those_of_one_process(size):
    def run(group):
        trainer, loader = make_trainer(group, clip_norm=1.0)
        trainer.scheduler = optim.lr_scheduler.ReduceLROnPlateau(trainer.optimizer, patience=0, factor=0.5)
        trainer.ema = optim.EMA(trainer.model.parameters(), 0.9)
        validation = DataLoader(TensorDataset(*[a[:45] for a in make_data(60).arrays]), 20, shard=group)
        history = trainer.fit(loader, 6, validation)
        with trainer.ema.applied():
            average = numbers(trainer)
        return history, average

    truth, average = run(None)
    for history, numbers_here in spmd(size, run):
        assert distance(numbers_here, average) < 1e-13
        for line, expected in zip(history, truth, strict=True):
            assert line.keys() == expected.keys()
            for name, value in expected.items():
                assert line[name] == pytest.approx(value, rel=1e-12), name


@SIZES
def test_patience_ends_all_ranks_after_the_same_epoch(size):
    def run(group):
        trainer, loader = make_trainer(group, patience=2)
        validation = DataLoader(TensorDataset(*[a[:7] for a in make_data(30).arrays]), 3, shard=group)
        return len(trainer.fit(loader, 60, validation))

    epochs = run(None)
    assert epochs < 60
    assert spmd(size, run) == [epochs] * size


# ------------------------------------------------------------------------------------------------------------ checkpoints


def stopped_in_mid_epoch(group, folder):
    """Train until one rank is interrupted in step 17: in Python, which a captured step leaves out."""
    trainer, loader = make_trainer(group, "AdamW", bias=False, clip_norm=1.0, folder=folder, capture=False)
    real = trainer.loss

    def loss(output, target):
        if trainer.step == 16 and (group is None or group.rank == group.size - 1):
            trainer._interrupt.requested = True
        return real(output, target)

    trainer.loss = loss
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(loader, 10)


@pytest.mark.parametrize(
    ("before", "after"),
    [pytest.param(b, a, marks=[] if (b, a) in {(1, 2), (3, 1)} else pytest.mark.thorough) for b in (1, 2, 3) for a in (1, 2, 3, 4)],
)
def test_a_checkpoint_continues_on_another_number_of_ranks(before, after, tmp_path):
    spmd(before, lambda group: stopped_in_mid_epoch(group if before > 1 else None, tmp_path))

    def run(group):
        trainer, loader = make_trainer(group if after > 1 else None, "AdamW", bias=False, clip_norm=1.0)
        trainer.resume(tmp_path / "last.ckpt", loader)
        assert trainer.step == 17
        history = trainer.fit(loader, 10)
        return numbers(trainer), history[3]["train_loss"]

    whole, loader = make_trainer(None, "AdamW", bias=False, clip_norm=1.0)
    history = whole.fit(loader, 10)
    for found, loss in spmd(after, run):
        assert distance(found, numbers(whole)) < 1e-11
        assert loss == pytest.approx(history[3]["train_loss"], rel=1e-10), "the epoch that was interrupted counts every item once"


def test_a_checkpoint_is_the_same_file_whatever_rank_and_only_rank_0_writes(tmp_path):
    written = []

    def run(group):
        trainer, loader = make_trainer(group, folder=tmp_path)
        real = trainer._write
        trainer._write = lambda *arguments: (written.append(group.rank), real(*arguments))
        trainer.fit(loader, 2)
        return random.get_state()["counter"] >= 0

    assert all(spmd(3, run))
    assert set(written) == {0}
    assert len(written) == 2


# ------------------------------------------------------------------------------------------------------------ the reducer


def test_the_sum_is_made_in_place_in_one_message():
    def run(group):
        model = make_model()
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        reduce, before = GradientReducer(optimizer, group), None
        for _ in range(2):
            optimizer.zero_grad()
            x = mg.Tensor(np.random.default_rng(group.rank).normal(size=(4, 20)))
            (model(x) ** 2).sum().backward()
            own = [p.grad.data.copy() for p in model.parameters()]
            before = group.calls
            assert reduce() is False
            assert group.calls == before + 1
            for p, g in zip(model.parameters(), own, strict=True):
                np.testing.assert_allclose(p.grad.data, np.sum(group.all_gather(g), axis=0), rtol=1e-12)
            ((bucket, _),) = optimizer.buckets()
            assert bucket.gradients() is bucket.gradients(), "no copy"
            assert np.shares_memory(bucket.gradients(), next(iter(model.parameters())).grad.data)

    spmd(3, run)


def test_parameters_that_some_or_all_ranks_do_not_use():
    def run(group):
        a, b, c = (mg.Tensor(np.ones(2), requires_grad=True) for _ in range(3))
        optimizer = optim.SGD([a, b, c], lr=1.0)
        reduce = GradientReducer(optimizer, group)
        loss = (a * 2.0).sum() if group.rank == 1 else (a + b * 3.0).sum()
        loss.backward()
        reduce()
        optimizer.step()
        return [None if p.grad is None else p.grad.data.tolist() for p in (a, b, c)], c.data.tolist()

    assert spmd(2, run) == [([[3.0, 3.0], [3.0, 3.0], None], [1.0, 1.0])] * 2


def test_accumulated_gradients_are_added_up_once():
    def run(group):
        model = synchronize(make_model(), group) if group is not None else make_model()
        optimizer = OPTIMIZERS["SGD"](model.parameters())
        loader = DataLoader(make_data(174), 29, generator=Generator(7), shuffle=True, shard=group)
        reduce = GradientReducer(optimizer, group or Alone())
        for k, (x, t) in enumerate(loader):
            (F.cross_entropy(model(x), t, reduction="sum") / (2 * loader.whole_batch)).backward()
            if k % 2:
                reduce()
                optim.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
        return np.concatenate([p.data.reshape(-1) for p in model.parameters()])

    for found in spmd(3, run):
        assert distance(found, run(None)) < 1e-14


@pytest.mark.parametrize("weighting", ["gradients by items", "gradients equally"])
def test_weighting_gradients_in_place_of_the_loss_is_the_gradient_of_nothing(weighting):
    """The mutant: parts of 17 and 16 rows, ten steps, and the parameters are off by more than 1e-4."""

    def run(group):
        model = synchronize(make_model(), group) if group is not None else make_model()
        optimizer = OPTIMIZERS["SGD"](model.parameters())
        loader = DataLoader(make_data(165), 33, generator=Generator(7), shuffle=True, shard=group)
        for _ in range(2):
            for x, t in loader:
                optimizer.zero_grad()
                F.cross_entropy(model(x), t).backward()
                if group is not None:
                    for p in model.parameters():
                        p.grad.data *= len(x) / loader.whole_batch if weighting == "gradients by items" else 1 / group.size
                    GradientReducer(optimizer, group)()
                optimizer.step()
        return np.concatenate([p.data.reshape(-1) for p in model.parameters()])

    assert min(distance(found, run(None)) for found in spmd(2, run)) > 1e-4


def test_clipping_before_the_sum_is_something_else():
    """The mutant: the norm of each rank's gradient is not that of the sum."""

    def run(group, early):
        trainer, loader = make_trainer(group)
        reduce = GradientReducer(trainer.optimizer, group)
        for x, t in loader:
            trainer.optimizer.zero_grad()
            (F.cross_entropy(trainer.model(x), t) * (len(x) / loader.whole_batch)).backward()
            for action in (reduce, lambda: optim.clip_grad_norm_(trainer.model.parameters(), 0.1))[:: -1 if early else 1]:
                action()
            trainer.optimizer.step()
        return numbers(trainer)

    truth = trained(None, clip_norm=0.1, epochs=1)
    assert distance(spmd(2, run, False)[0], truth) < 1e-14
    assert distance(spmd(2, run, True)[0], truth) > 1e-4


# ------------------------------------------------------------------------------------------------------------ ranks that differ


@pytest.mark.parametrize(
    "change",
    [
        lambda m, r: setattr(m, "extra", nn.Linear(2, 2).double()) if r else None,
        lambda m, r: next(iter(m.parameters())).requires_grad_(r == 0),
    ],
    ids=["a layer more", "a frozen parameter"],
)
def test_models_that_are_not_alike_are_refused_before_the_first_step(change):
    def run(group):
        model = make_model()
        change(model, group.rank)
        share(model, optim.SGD(list(model.parameters())[1:], lr=0.1), group)

    with pytest.raises(DesyncError, match=r"rank 0: Sequential and SGD with .*rank 1: Sequential"):
        spmd(2, run)


def test_other_options_are_refused():
    def run(group):
        model = make_model()
        share(model, optim.SGD(model.parameters(), lr=0.1 + group.rank), group)

    with pytest.raises(DesyncError, match="details"):
        spmd(2, run)


def test_all_take_over_the_parameters_and_buffers_of_rank_0():
    def run(group):
        mg_model = make_model()
        for value in mg_model.state_dict().values():
            value.data[...] += group.rank
        share(mg_model, optim.SGD(mg_model.parameters(), lr=0.1), group)
        compare(mg_model, group)
        return np.concatenate([v.data.reshape(-1) for v in mg_model.state_dict().values()])

    first, second = spmd(2, run)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first[:5], next(iter(make_model().parameters())).data.reshape(-1)[:5])


def test_parameters_that_drift_apart_are_found_where_ranks_are_checked():
    def run(group):
        trainer, loader = make_trainer(group)
        step = trainer.optimizer.step

        def faulty():
            step()
            if group.rank == 1 and trainer.step == 50:
                next(iter(trainer.model.parameters())).data[0, 0] += 1e-16 + 1e-12

        trainer.optimizer.step = faulty
        trainer.fit(loader, 30)

    with pytest.raises(DesyncError, match=r"0.weight has the bits"):
        spmd(2, run, check=True)


def test_other_data_orders_and_lengths_are_noticed():
    def run(group, seed, n):
        list(DataLoader(make_data(n), 16, shuffle=True, generator=Generator(seed), shard=group))

    with pytest.raises(DesyncError, match="the order of the data"):
        spmd(2, lambda group: run(group, group.rank, 40))
    with pytest.raises(DesyncError, match="the order of the data"):
        spmd(2, lambda group: run(group, 0, 40 + group.rank))


def test_a_loader_without_shard_and_a_loss_that_is_nan():
    def whole(group):
        trainer, _ = make_trainer(group)
        trainer.fit(DataLoader(make_data(), 36), 1)

    with pytest.raises(ValueError, match="make the loader with shard=group"):
        spmd(2, whole)

    def nan(group):
        trainer, loader = make_trainer(group)
        real = trainer.loss
        trainer.loss = lambda y, t: real(y, t) * (np.nan if group.rank == 1 and trainer.step == 3 else 1.0)
        trainer.fit(loader, 1)

    with pytest.raises(NotFiniteError) as caught, np.errstate(invalid="ignore"):
        spmd(2, nan)
    assert caught.value.__notes__ == ["on rank 1 of 2"]


def test_one_rank_is_asked_to_stop_and_all_do_after_the_same_step():
    def run(group):
        trainer, loader = make_trainer(group)
        real = trainer.loss

        def loss(output, target):
            if group.rank == 1 and trainer.step == 7:
                trainer._interrupt.requested = True
            return real(output, target)

        trainer.loss = loss
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(loader, 10)
        return trainer.step

    assert spmd(3, run) == [8, 8, 8]


# ------------------------------------------------------------------------------------------------------------ the loader


@SIZES
def test_parts_of_batches_are_the_batches(size):
    whole = [x.data for (x, _) in DataLoader(make_data(50), 12, shuffle=True, generator=Generator(3))]

    def run(group):
        loader, lengths, parts = DataLoader(make_data(50), 12, shuffle=True, generator=Generator(3), shard=group), [], []
        for x, _ in loader:
            lengths.append(loader.whole_batch)
            parts.append(x.data)
        assert len(loader) == len(whole)
        return lengths, parts

    found = spmd(size, run)
    for k, batch in enumerate(whole):
        assert {lengths[k] for lengths, _ in found} == {len(batch)}
        np.testing.assert_array_equal(np.concatenate([parts[k] for _, parts in found]), batch)


def test_an_empty_part_has_the_shapes_and_dtypes_of_the_others():
    def run(group):
        data = [(np.ones(3, np.float32), {"label": 1}), (np.zeros(3, np.float32), {"label": 2})]
        (batch,) = DataLoader(data, 2, shard=group, transform=lambda batch, generator: (batch[0][:, :2] * 2, batch[1]))
        return batch[0].shape, batch[0].dtype, batch[1]["label"].shape

    assert [shape for shape, _, _ in spmd(3, run)] == [(0, 2), (1, 2), (1, 2)]
    assert {dtype for _, dtype, _ in spmd(3, run)} == {np.dtype("float32")}


def test_transforms_draw_other_numbers_on_each_rank_and_the_same_in_every_run():
    def run(group):
        def noise(batch, generator):
            return batch[0] + generator.normal(batch[0].shape, dtype=np.float64).data, batch[1]

        zeros = TensorDataset(np.zeros((8, 2)), np.zeros(8, int))
        ((x, _),) = DataLoader(zeros, 8, generator=Generator(1), transform=noise, shard=group, prefetch=1)
        return x.data

    first, second = spmd(2, run), spmd(2, run)
    np.testing.assert_array_equal(first, second)
    assert np.abs(first[0] - first[1]).min() > 0


def test_dropout_is_not_alike_on_all_ranks_and_a_checkpoint_has_no_rank_in_it():
    """Threads share the generator, so the ranks are asked one after the other what they would draw."""
    from minigrad.training.ranks import Ranks

    class Rank(Alone):
        def __init__(self, rank):
            super().__init__(rank, 2)

    before, drawn = random.get_state(), []
    try:
        for rank in (0, 1):
            mg.manual_seed(5)
            ranks, trainer = Ranks(Rank(rank)), type("T", (), {"step": 3})()
            ranks._seed = 5
            ranks.begin_step(trainer)
            drawn.append((F.dropout(mg.ones(64), 0.5, training=True).data > 0, random.get_state()))
    finally:
        random.set_state(before)
    assert 5 < (drawn[0][0] != drawn[1][0]).sum() < 59
    assert drawn[0][1]["seed"] == 5


def test_whole_batch_outside_a_loop_is_an_error():
    with pytest.raises(RuntimeError, match="whole_batch is about the batch of a for loop"):
        _ = DataLoader(make_data(), 4).whole_batch


def test_a_trainer_with_a_group_of_one_is_the_plain_one():
    trainer, loader = make_trainer(Alone())
    trainer.fit(loader, 2)
    np.testing.assert_array_equal(numbers(trainer), trained(None, epochs=2))
    assert isinstance(trainer, Trainer)
