"""Loaders: orders that repeat, batches, workers in the background, saving in the middle of an epoch."""

import threading
import time

import numpy as np
import pytest

import minigrad as mg
from minigrad.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    collate,
    random_split,
)
from minigrad.random import Generator

N = 23
X, Y = np.arange(N * 2, dtype=np.float32).reshape(N, 2), np.arange(N)


class Items(Dataset):
    """The same as the arrays, but item by item."""

    def __len__(self):
        return N

    def __getitem__(self, i):
        return X[i], int(Y[i])


def labels_of(loader):
    return [y.data.tolist() for _, y in loader]


@pytest.mark.parametrize(
    "dataset", [TensorDataset(X, Y), Items(), Subset(TensorDataset(X, Y), range(N)), [(X[i], int(Y[i])) for i in range(N)]]
)
@pytest.mark.parametrize("prefetch", [0, 1, 3])
@pytest.mark.parametrize("drop_last", [False, True])
def test_every_item_once(dataset, prefetch, drop_last):
    loader = DataLoader(dataset, 5, shuffle=True, drop_last=drop_last, generator=Generator(1), prefetch=prefetch)
    seen = []
    for x, y in loader:
        assert isinstance(x, mg.Tensor)
        assert x.dtype == np.float32
        assert y.dtype == np.int64
        np.testing.assert_array_equal(x.data, X[y.data])
        seen += y.data.tolist()
    assert len(seen) == len(set(seen)) == (20 if drop_last else 23)
    assert len(loader) == (4 if drop_last else 5)
    assert labels_of(loader) == labels_of(DataLoader(Items(), 5, True, drop_last=drop_last, generator=after_one_epoch()))


def after_one_epoch():
    generator = Generator(1)
    generator.bits(1)
    return generator


@pytest.mark.parametrize(("items", "dtype"), [([1, 2.5], "float32"), ([2.5, 1], "float32"), ([1, 2], "int64"), ([True, False], "bool")])
def test_numbers_become_what_a_tensor_makes_of_them(items, dtype):
    (batch,) = DataLoader(items, batch_size=2)
    assert (batch.dtype, batch.tolist()) == (dtype, items)


def test_orders_depend_on_the_seed_alone():
    orders = []
    for noise in (0, 5):
        mg.manual_seed(3)
        loader = DataLoader(TensorDataset(X, Y), 4, shuffle=True)
        mg.random.uniform(noise)  # other users of random numbers change nothing
        orders.append([labels_of(loader), labels_of(loader)])
    assert orders[0] == orders[1]
    assert orders[0][0] != orders[0][1]
    assert labels_of(DataLoader(TensorDataset(X, Y), 4)) == [list(range(i, min(i + 4, N))) for i in range(0, N, 4)]


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("stop", [0, 1, 4, 6])
@pytest.mark.parametrize("kind", ["shuffle", "sampler", "batches"])
def test_continuing_in_the_middle(prefetch, stop, kind):
    def make():
        generator = Generator(9)
        options = {
            "shuffle": {"batch_size": 4, "shuffle": True},
            "sampler": {"batch_size": 4, "sampler": RandomSampler(Y, generator=Generator(4))},
            "batches": {"batch_sampler": BatchSampler(RandomSampler(Y, generator=Generator(4)), 4)},
        }[kind]
        noise = lambda batch, g: (batch[0] + g.uniform(batch[0].shape, device="cpu").numpy(), batch[1])
        return DataLoader(TensorDataset(X, Y), generator=generator, transform=noise, prefetch=prefetch, **options)

    def run(loader, epochs):
        return [[(x.data.tolist(), y.data.tolist()) for x, y in loader] for _ in range(epochs)]

    expected = run(make(), 2 if kind == "shuffle" else 1)
    loader, got = make(), []
    for k, (x, y) in enumerate(loader):
        if k == stop:
            break
        got.append((x.data.tolist(), y.data.tolist()))
        state = loader.state_dict()
    if stop == 0:
        return
    again = make()
    again.load_state_dict(state)
    rest = run(again, len(expected))
    assert [got + rest[0], *rest[1:]] == expected
    assert again.state_dict()["epoch"] is None


def test_a_state_of_another_dataset_is_refused():
    loader = DataLoader(TensorDataset(X, Y), 4, shuffle=True)
    next(iter(loader))
    state = loader.state_dict()
    small = DataLoader(TensorDataset(X[:5], Y[:5]), 4, shuffle=True)
    before = small.state_dict()
    with pytest.raises(ValueError, match="another dataset; this one has 5"):
        small.load_state_dict(state)
    assert small.state_dict() == before
    with pytest.raises(ValueError, match="do not belong together"):
        loader.load_state_dict({**state, "epoch": {**state["epoch"], "position": 99}})


def test_errors_in_the_background_arrive_and_threads_end():
    class Bad(Items):
        def __getitem__(self, i):
            if i == 11:
                raise OSError("a bad item")
            return super().__getitem__(i)

    loader = DataLoader(Bad(), 4, prefetch=2)
    with pytest.raises(OSError, match="a bad item"):
        list(loader)
    for _ in DataLoader(Items(), 1, prefetch=2):
        break
    deadline = time.monotonic() + 5
    while any(t.name == "minigrad-loader" for t in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_background_loading_overlaps():
    """While the first item is in use the second is loaded; without ``prefetch`` nobody loads it."""
    loaded = [threading.Event() for _ in range(len(Items()))]

    class Told(Items):
        def __getitem__(self, i):
            loaded[i].set()
            return super().__getitem__(i)

    next(iter(DataLoader(Told(), 1, prefetch=0)))
    assert not loaded[1].is_set()
    items = iter(DataLoader(Told(), 1, prefetch=4))
    next(items)
    assert loaded[1].wait(timeout=30)
    list(items)


def test_bad_arguments():
    dataset = TensorDataset(X, Y)
    for options, message in [
        ({"batch_size": 0}, "positive integer"),
        ({"shuffle": True, "sampler": [1]}, "one of shuffle"),
        ({"batch_sampler": [[1]], "batch_size": 3}, "makes the batches"),
    ]:
        with pytest.raises(ValueError, match=message):
            DataLoader(dataset, **options)
    with pytest.raises(ValueError, match="one length"):
        TensorDataset(X, Y[:3])


class TestCollate:
    def test_structures(self):
        batch = collate([{"x": np.ones(2), "y": (1, 2.5)}, {"x": np.zeros(2), "y": (3, 4.5)}])
        np.testing.assert_array_equal(batch["x"], [[1, 1], [0, 0]])
        assert batch["y"][0].dtype == np.int64
        assert batch["y"][1].dtype == np.float32
        assert collate(["a", "b"]) == ["a", "b"]
        assert collate([mg.Tensor([1.0]), mg.Tensor([2.0])]).tolist() == [[1], [2]]

    def test_what_cannot_be(self):
        with pytest.raises(ValueError, match=r"items of one shape; these have \(2,\), \(3,\)"):
            collate([np.ones(2), np.ones(3)])
        with pytest.raises(TypeError, match="object"):
            collate([object()])


class TestSamplers:
    def test_each(self):
        assert list(SequentialSampler(Y)) == list(range(N))
        assert sorted(RandomSampler(Y, generator=Generator(0))) == list(range(N))
        assert len(list(RandomSampler(Y, num_samples=50, generator=Generator(0)))) == 50
        drawn = list(RandomSampler(Y, replacement=True, num_samples=2000, generator=Generator(0)))
        assert set(drawn) == set(range(N))
        assert sorted(SubsetRandomSampler([3, 5, 7], Generator(0))) == [3, 5, 7]
        assert [len(b) for b in BatchSampler(SequentialSampler(Y), 10)] == [10, 10, 3]
        assert [len(b) for b in BatchSampler(SequentialSampler(Y), 10, drop_last=True)] == [10, 10]

    def test_weights(self):
        drawn = np.bincount(list(WeightedRandomSampler([1, 0, 3], 8000, generator=Generator(0))), minlength=3)
        assert drawn[1] == 0
        assert abs(drawn[0] / 8000 - 0.25) < 0.02
        first = [next(iter(WeightedRandomSampler([1, 0, 3], 2, replacement=False, generator=Generator(s)))) for s in range(2000)]
        assert abs(first.count(2) / 2000 - 0.75) < 0.04
        for bad in ([-1, 1], [0, 0], [np.nan, 1], [[1]]):
            with pytest.raises(ValueError, match="weights"):
                WeightedRandomSampler(bad, 1)
        with pytest.raises(ValueError, match="2 samples without replacement from 1"):
            WeightedRandomSampler([0, 1], 2, replacement=False)


def test_splitting_and_joining():
    dataset = TensorDataset(X, Y)
    for lengths, sizes in [([20, 3], [20, 3]), ([0.5, 0.3, 0.2], [12, 7, 4])]:
        parts = random_split(dataset, lengths, Generator(1))
        assert [len(p) for p in parts] == sizes
        assert sorted(int(p[i][1]) for p in parts for i in range(len(p))) == list(range(N))
    with pytest.raises(ValueError, match="must add up to 23"):
        random_split(dataset, [1, 2])
    joined = ConcatDataset([Subset(dataset, [1, 2]), dataset])
    assert len(joined) == 25
    assert [int(joined[i][1]) for i in (0, 1, 2, 24, -1)] == [1, 2, 0, 22, 22]
    with pytest.raises(IndexError):
        joined[25]
