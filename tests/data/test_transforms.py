"""Augmentations, scalers and toy sets."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import data
from minigrad.data import MinMaxScaler, StandardScaler, transforms as T
from minigrad.random import Generator

IMAGES = np.random.default_rng(0).uniform(size=(40, 2, 9, 7)).astype(np.float32)
LABELS = np.arange(40)
ALL = [
    T.RandomShift(2),
    T.RandomCrop((6, 5), padding=1),
    T.RandomHorizontalFlip(),
    T.RandomRotation(20),
    T.GaussianNoise(0.1),
    T.Cutout(4),
    T.Photometric(0.2, 0.3),
]


@pytest.mark.parametrize("transform", [*ALL, T.Compose(ALL)], ids=lambda t: type(t).__name__)
def test_repeats_with_the_seed_and_changes_no_argument(transform):
    before = IMAGES.copy()
    (a, la), (b, _), (c, _) = (transform((IMAGES, LABELS), Generator(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(IMAGES, before)
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    assert la is LABELS
    assert a.dtype == np.float32
    assert a.shape[:2] == IMAGES.shape[:2]
    assert not np.array_equal(a, IMAGES)


def test_shift_moves_by_whole_pixels():
    x = np.zeros((200, 1, 5, 5), np.float32)
    x[:, 0, 2, 2] = 1
    (moved,) = T.RandomShift(1)((x,), Generator(0))
    where = {tuple(np.argwhere(image[0])[0] - 2) for image in moved}
    assert where == {(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)}
    assert (moved.sum(axis=(1, 2, 3)) == 1).all()


def test_flip_crop_and_cutout():
    (flipped,) = T.RandomHorizontalFlip(1.0)((IMAGES,), Generator(0))
    np.testing.assert_array_equal(flipped, IMAGES[..., ::-1])
    (crop,) = T.RandomCrop((9, 7))((IMAGES,), Generator(0))
    np.testing.assert_array_equal(crop, IMAGES)
    (cut,) = T.Cutout(3)((IMAGES + 1,), Generator(0))
    holes = (cut == 0).sum(axis=(2, 3))
    assert holes.max() == 9
    assert holes.min() >= 4
    np.testing.assert_array_equal(cut[cut != 0], (IMAGES + 1)[cut != 0])
    with pytest.raises(ValueError, match="no window of 20 x 20"):
        T.RandomCrop(20)((IMAGES,), Generator(0))
    with pytest.raises(ValueError, match="n, channels, height, width"):
        T.RandomShift(1)((IMAGES[0],), Generator(0))


def test_rotation():
    (same,) = T.RandomRotation(0)((IMAGES,), Generator(0))
    np.testing.assert_allclose(same, IMAGES, atol=1e-6)

    class Quarter(Generator):
        def uniform(self, shape, low, high, **options):
            return mg.Tensor(np.full(shape, 90.0))

    square = IMAGES[..., :7, :]
    (turned,) = T.RandomRotation(90)((square,), Quarter(0))
    assert np.allclose(turned, np.rot90(square, 1, (2, 3)), atol=1e-6) or np.allclose(turned, np.rot90(square, -1, (2, 3)), atol=1e-6)


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), MinMaxScaler(-1, 3)])
def test_scalers(scaler):
    x = np.random.default_rng(0).normal(5, 3, (50, 4))
    x[:, 2] = 7  # a constant feature
    with pytest.raises(RuntimeError, match="was not fitted"):
        scaler.transform(x)
    z = scaler.fit_transform(x)
    varying = [0, 1, 3]
    if isinstance(scaler, StandardScaler):
        np.testing.assert_allclose([z.mean(0)[varying], z.std(0)[varying]], [[0] * 3, [1] * 3], atol=1e-12)
        assert (z[:, 2] == 0).all()
    else:
        np.testing.assert_allclose([z.min(0)[varying], z.max(0)[varying]], [[scaler.low] * 3, [scaler.high] * 3], atol=1e-12)
        assert (z[:, 2] == scaler.low).all()
    np.testing.assert_allclose(scaler.inverse_transform(z), x, atol=1e-12)
    assert isinstance(scaler.transform(mg.Tensor(x)), mg.Tensor)
    with pytest.raises(ValueError, match="fitted to 4 features"):
        scaler.transform(x[:, :2])


def test_toy_sets():
    for make, classes in [
        (data.moons, 2),
        (lambda n, seed: data.spirals(n, 4, seed=seed), 4),
        (lambda n, seed: data.blobs(n, 5, 3, seed=seed), 5),
    ]:
        dataset, again, other = make(n=120, seed=3), make(n=120, seed=3), make(n=120, seed=4)
        x, y = dataset.arrays
        assert x.dtype == np.float32
        assert np.bincount(y).tolist() == [120 // classes] * classes
        np.testing.assert_array_equal(x, again.arrays[0])
        assert not np.array_equal(x, other.arrays[0])
    x, y = data.sine(500, noise=0).arrays
    np.testing.assert_allclose(y, np.sin(x), atol=1e-6)
    x, _ = data.moons(1000, noise=0).arrays
    assert np.allclose(np.minimum(abs(np.hypot(*x.T) - 1), abs(np.hypot(x[:, 0] - 1, x[:, 1] - 0.5) - 1)), 0, atol=1e-6)
