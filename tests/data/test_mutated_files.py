"""Damaged data files: read, or refused with `DataError`; nothing else happens, and no more memory is used than allowed."""

import random

import numpy as np
import pytest

from minigrad import data
from minigrad.data import DataError, read_idx, write_idx

from .test_download import cifar10_members, tar_of


def mutate(content, rng):
    """Change, insert, remove or repeat some bytes."""
    mutated = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(mutated) or 1)
        kind = rng.randrange(5)
        if kind == 0:
            mutated[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            mutated[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9)))
        elif kind == 2:
            del mutated[at : at + rng.randrange(1, 50)]
        elif kind == 3:
            del mutated[at:]
        else:
            mutated[at : at + 4] = b"\xff\xff\xff\xff"
    return bytes(mutated)


@pytest.mark.parametrize("name", ["x.idx", "x.idx.gz"])
def test_idx(name, tmp_path):
    path = tmp_path / name
    write_idx(path, np.arange(60, dtype=np.float32).reshape(3, 4, 5))
    good, rng, read = path.read_bytes(), random.Random(1), 0
    for _ in range(1500):
        path.write_bytes(mutate(good, rng))
        try:
            array = read_idx(path, limit=10_000)
        except DataError as error:
            if "\n" in str(error):
                pytest.fail(f"not one sentence: {error}")
        else:
            read += 1
            assert array.nbytes <= 10_000
    assert read < 750


def test_archives(tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    good, rng, read = tar_of(cifar10_members()), random.Random(2), 0
    for _ in range(300):
        path.write_bytes(mutate(good, rng))
        try:
            train, test = data.cifar10(tmp_path)
        except DataError as error:
            if "\n" in str(error):
                pytest.fail(f"not one sentence: {error}")
        else:
            read += 1
            assert len(train) == 10
            assert len(test) == 2
    assert read < 100
