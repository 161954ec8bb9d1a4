"""Drawn digits: the same bytes everywhere, and a difficulty that can be set."""

import hashlib

import numpy as np
import pytest

from minigrad.data import DataLoader, drawn_digits
from minigrad.data.drawn import draw_digits


def sha256(*arrays):
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()


def test_the_bytes_are_these():
    assert sha256(*draw_digits(7000)) == "0e4ccd5d1580ce17e4f7109aa13c669a43edf749eeb33ed52dfe635476e4180a"


def test_a_set_is_made_of_them():
    images, labels = draw_digits(50, noise=0.5, seed=3)
    dataset = drawn_digits(50, noise=0.5, seed=3)
    x, y = dataset.arrays
    assert x.shape == (50, 1, 28, 28)
    assert x.dtype == np.float32
    assert np.array_equal(np.rint(x[:, 0] * 255), images)
    assert np.array_equal(y, labels)
    assert dataset.classes == tuple("0123456789")
    assert next(iter(DataLoader(dataset, 10)))[0].shape == (10, 1, 28, 28)


def test_without_jitter_and_noise_all_of_a_class_are_alike_and_no_two_classes_are():
    images, labels = draw_digits(300, noise=0.0, jitter=0.0)
    alike = [np.unique(images[labels == k].reshape(-1, 784), axis=0) for k in range(10)]
    assert [len(a) for a in alike] == [1] * 10
    assert len(np.unique(np.concatenate(alike), axis=0)) == 10


def test_noise_has_the_deviation_that_was_asked_for():
    clean, noisy = (draw_digits(200, noise=s, jitter=0.0)[0] / 255 for s in (0.0, 0.2))
    grey = (clean > 0.45) & (clean < 0.55)  # where nothing is cut off
    assert (noisy - clean)[grey].std() == pytest.approx(0.2, rel=0.03)


def test_another_seed_draws_others():
    assert not np.array_equal(draw_digits(20, seed=0)[0], draw_digits(20, seed=1)[0])
    for bad in ({"n": 0}, {"n": 5, "noise": -1}, {"n": 5, "jitter": float("inf")}):
        with pytest.raises(ValueError, match="drawn_digits: needs"):
            drawn_digits(**bad)
