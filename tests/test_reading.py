"""Types that NumPy has not, and models in several files: read with PyTorch's values, or refused with one sentence."""

import json
import struct
import warnings

import numpy as np
import pytest

import minigrad as mg
from minigrad.reading import HEADER_LIMIT
from minigrad.saving import CheckpointError, load, save

NARROW = {"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}


def write(path, dtype, shape, codes):
    """A safetensors file with one tensor ``x`` of any type."""
    header = json.dumps({"x": {"dtype": dtype, "shape": list(shape), "data_offsets": [0, codes.nbytes]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + codes.tobytes())


def quietly(path):
    """Load without the warning of what is converted."""
    with pytest.warns(UserWarning, match="to float32"):
        return load(path)


def bits(x):
    """The bits of an array, those of every NaN the same: equal bits are equal values and signs of zero."""
    return np.where(np.isnan(x), np.float32(np.nan), x).view(np.uint32)


# ------------------------------------------------------------------------------------------------------- narrow types


@pytest.mark.torch
@pytest.mark.parametrize("dtype", NARROW)
def test_all_codes_of_floats_with_8_bits(dtype, tmp_path):
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")
    x = torch.arange(256, dtype=torch.uint8).view(getattr(torch, NARROW[dtype])).reshape(2, 128)
    library.save_file({"x": x, "y": torch.ones(3, dtype=torch.float64), "empty": x[:0]}, tmp_path / "file")
    with pytest.warns(UserWarning, match="converted") as caught:
        loaded = load(tmp_path / "file")
    assert [str(w.message) for w in caught] == [f"{tmp_path / 'file'}: converted 2 from {dtype} to float32"]
    assert caught[0].filename == __file__
    assert loaded["x"].dtype == np.float32
    np.testing.assert_array_equal(bits(loaded["x"].data), bits(x.float().numpy()))
    assert loaded["y"].dtype == np.float64
    assert loaded["empty"].shape == (0, 128)
    assert loaded["x"].data.flags.writeable


@pytest.mark.torch
def test_all_codes_of_bfloat16(tmp_path):
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")
    x = torch.arange(2**16, dtype=torch.int32).to(torch.uint16).view(torch.bfloat16)
    library.save_file({"x": x}, tmp_path / "file")
    np.testing.assert_array_equal(bits(quietly(tmp_path / "file")["x"].data), bits(x.float().numpy()))


@pytest.mark.parametrize(
    ("dtype", "codes", "values"),
    [
        ("BF16", np.array([0x3FC0, 0xC010, 0x7F80, 0x0001], "<u2"), [1.5, -2.25, np.inf, 2.0**-133]),
        ("F8_E4M3", np.array([0x00, 0x80, 0x01, 0x38, 0xC4, 0x7E, 0x7F], "u1"), [0, -0.0, 2.0**-9, 1, -3, 448, np.nan]),
        ("F8_E5M2", np.array([0x01, 0x3C, 0xC6, 0x7B, 0xFC, 0x7E], "u1"), [2.0**-16, 1, -6, 57344, -np.inf, np.nan]),
    ],
)
def test_values_by_the_definition_of_the_format(dtype, codes, values, tmp_path):
    write(tmp_path / "file", dtype, codes.shape, codes)
    np.testing.assert_array_equal(bits(quietly(tmp_path / "file")["x"].data), bits(np.array(values, np.float32)))


def test_nothing_is_said_where_nothing_was_converted(tmp_path):
    save({"x": np.ones(3, np.float16)}, tmp_path / "file")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(tmp_path / "file")["x"].dtype == np.float16


# ------------------------------------------------------------------------------------------------------ several files

ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
SHARDS = {ONE: {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "a.bias": np.ones(2)}, TWO: {"b.weight": np.arange(4)}}
MAP = {"a.weight": ONE, "b.weight": TWO, "a.bias": ONE}


def write_model(folder, weight_map=MAP, shards=SHARDS):
    """Write the shards, and an index; return its path."""
    for name, tensors in shards.items():
        save(tensors, folder / name)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 72}, "weight_map": weight_map}))
    return index


def test_a_model_in_several_files(tmp_path):
    loaded = load(str(write_model(tmp_path)), device="cpu")
    assert list(loaded) == list(MAP)
    for tensors in SHARDS.values():
        for name, array in tensors.items():
            assert loaded[name].dtype == array.dtype
            np.testing.assert_array_equal(loaded[name].data, array)


@pytest.mark.torch
def test_a_model_that_pytorch_wrote_in_several_files(tmp_path):
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")
    other = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    state = {name: x.bfloat16() if x.is_floating_point() else x for name, x in other.state_dict().items()}
    weight_map = {name: ONE if name[0] == "0" else TWO for name in state}
    index = write_model(tmp_path, weight_map, {})
    for shard in (ONE, TWO):
        library.save_file({name: x for name, x in state.items() if weight_map[name] == shard}, tmp_path / shard)
    model = mg.nn.Sequential(mg.nn.Linear(3, 4), mg.nn.BatchNorm1d(4), mg.nn.Linear(4, 2))
    with pytest.warns(UserWarning, match="converted") as caught:
        model.load_state_dict(load(index))
    assert [str(w.message) for w in caught] == [f"{index}: converted 8 from BF16 to float32"]
    for name, x in state.items():
        np.testing.assert_array_equal(model.state_dict()[name].data, x.float().numpy() if x.is_floating_point() else x.numpy())


def other_map(**change):
    return {**MAP, **{name.replace("_", "."): shard for name, shard in change.items()}}


BAD_MODELS = {
    "a missing shard": (other_map(c="model-3.safetensors"), SHARDS, r"1 of 3 shards are missing: model-3\.safetensors"),
    "all shards missing": (MAP, {}, rf"2 of 2 shards are missing: {ONE}, {TWO}"),
    "in two shards": (MAP, {**SHARDS, TWO: {**SHARDS[ONE], **SHARDS[TWO]}}, rf"tensor 'a\.\w+' is in two shards, {ONE} and {TWO}"),
    "in another shard": (other_map(a_bias=TWO), SHARDS, rf"tensor 'a\.bias' should be in {TWO}; it is in {ONE}"),
    "in no shard": (other_map(c=ONE), SHARDS, rf"tensor 'c' should be in {ONE}; no shard has it"),
    "not in the index": (
        {k: v for k, v in MAP.items() if k != "a.bias"},
        SHARDS,
        rf"shard {ONE} holds 'a\.bias', which the index does not",
    ),
    "above the folder": (
        other_map(c="../secret.safetensors"),
        SHARDS,
        r"the shard '\.\./secret\.safetensors' is not the name of a file in",
    ),
    "from the root": (other_map(c="/etc/secret"), SHARDS, r"the shard '/etc/secret' is not the name"),
    "as Windows writes it": (other_map(c="..\\secret"), SHARDS, r"is not the name of a file"),
    "another drive": (other_map(c="C:secret"), SHARDS, "the shard 'C:secret' is not the name"),
    "the folder itself": (other_map(c="."), SHARDS, "is not the name|is not a file"),
    "no name": (other_map(c=""), SHARDS, "the shard '' is not the name"),
    "a zero byte": (other_map(c="a\0b"), SHARDS, "is not the name"),
    "no names": ({"a.weight": 1}, SHARDS, "it has no 'weight_map' from names of tensors to names of files"),
    "a list": ([ONE], SHARDS, "it has no 'weight_map'"),
}


@pytest.mark.parametrize("case", BAD_MODELS)
def test_index_and_shards_that_do_not_fit(case, tmp_path):
    weight_map, shards, message = BAD_MODELS[case]
    folder = tmp_path / "folder"
    folder.mkdir()
    save({"c": np.ones(1)}, tmp_path / "secret.safetensors")
    index = write_model(folder, weight_map, shards)
    with pytest.raises(CheckpointError, match=message) as caught:
        load(index)
    assert str(caught.value).startswith(str(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"[1]", b"{}", b'{"weight_map": null}', b"[" * 10**5, b"\xff", b'{"weight_map": {"a": "x", "a": "y"}}']
)
def test_an_index_that_is_none(content, tmp_path):
    index = tmp_path / "model.safetensors.index.json"
    index.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"^.*index\.json is not (a good index|an index) of shards") as caught:
        load(index)
    assert "\n" not in str(caught.value)


def test_an_index_that_is_not_there_or_no_file_or_too_long(tmp_path):
    index = tmp_path / "model.safetensors.index.json"
    with pytest.raises(CheckpointError, match="there is no file"):
        load(index)
    index.write_bytes(b" " * (HEADER_LIMIT + 1))
    with pytest.raises(CheckpointError, match="more than the 16777216 bytes"):
        load(index)
    index.unlink()
    index.mkdir()
    with pytest.raises(CheckpointError, match="cannot be read"):
        load(index)


def test_a_damaged_shard_is_named(tmp_path):
    index = write_model(tmp_path)
    (tmp_path / TWO).write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(CheckpointError, match=rf"{TWO} is not a safetensors file.*torch\.load"):
        load(index)
