"""The shipped digits, and IDX files good and bad."""

import gzip
import hashlib
import tracemalloc

import numpy as np
import pytest

from minigrad import data
from minigrad.data import DataError, read_idx, write_idx


def test_the_digits_are_the_digits():
    train, test = data.digits()
    assert (len(train), len(test)) == (1437, 360)
    images, labels = (
        read_idx(f"{data.__path__[0]}/digits/images-idx3-ubyte.gz"),
        read_idx(f"{data.__path__[0]}/digits/labels-idx1-ubyte.gz"),
    )
    assert hashlib.sha256(images.tobytes()).hexdigest() == "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert train.arrays[0].shape == (1437, 1, 8, 8)
    assert set(np.unique(train.arrays[0] * 16)) == set(range(17))
    assert train.classes == tuple("0123456789")
    both = np.concatenate([train.arrays[0], test.arrays[0]])
    assert {x.tobytes() for x in both} == {x.tobytes() for x in (images[:, None] / np.float32(16)).astype(np.float32)}


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (0, 3), ()])
@pytest.mark.parametrize("name", ["x.idx", "x.idx.gz"])
def test_idx_round_trip(dtype, shape, name, tmp_path):
    array = (np.random.default_rng(0).normal(size=shape) * 50).astype(dtype)
    write_idx(tmp_path / name, array)
    back = read_idx(tmp_path / name)
    np.testing.assert_array_equal(back, array)
    assert back.dtype == np.dtype(dtype)
    first = (tmp_path / name).read_bytes()
    write_idx(tmp_path / name, array)
    assert (tmp_path / name).read_bytes() == first


GOOD = b"\0\0\x08\x02" + np.array([2, 3], ">u4").tobytes() + bytes(6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not an IDX file"),
        (b"\0\0\x08", "is not an IDX file"),
        (b"PK\x03\x04rest", "is not an IDX file"),
        (b"\0\0\x0a\x01" + bytes(8), "is not an IDX file"),
        (GOOD[:9], "within its header"),
        (GOOD[:-1], "needs 6"),
        (GOOD + b"x", "needs 6"),
        (b"\0\0\x0e\x04" + b"\xff" * 16, "more than the"),
        (b"\0\0\x08\xff" + b"\0\0\0\1" * 255, "255 axes"),
        (b"\0\0\x08\x20" + b"\0\0\0\0" + b"\xff" * 124, "no array can have"),
        (gzip.compress(GOOD, mtime=0)[:-5], "damaged or cut off"),
        (gzip.compress(GOOD, mtime=0)[:12] + b"\x00" * 20, "damaged or cut off"),
    ],
)
def test_bad_idx(content, message, tmp_path):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(tmp_path / "x")
    assert str(tmp_path / "x") in str(caught.value)


def test_a_small_file_that_unpacks_to_much_is_read_no_further_than_it_says(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(GOOD + bytes(2**26), 1))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="needs 6 bytes"):
            read_idx(tmp_path / "x.gz")
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()


def test_no_file_and_no_type(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        read_idx(tmp_path / "none")
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path)
    with pytest.raises(DataError, match="no type for complex128"):
        write_idx(tmp_path / "x", np.zeros(2, complex))
