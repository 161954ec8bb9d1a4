"""``minigrad train PATH`` and ``minigrad predict`` on one's own files."""

import json

import numpy as np
import pytest
from support.pictures import write_digits

from minigrad import commands, data


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        code = commands.main([str(a) for a in arguments])
        return code, *capsys.readouterr()

    return command


@pytest.fixture
def flowers(run, tmp_path):
    """A run on a table of two kinds of flowers, which differ in every column."""
    rng = np.random.default_rng(0)
    rows = [f"{x:.2f};{y:.2f};{kind}" for kind, m in (("rose", 1), ("tulip", 4)) for x, y in rng.normal(m, 0.3, (30, 2))]
    (tmp_path / "t.csv").write_text("\n".join(["\ufeffwide;tall;kind", *rows]))
    return run("train", "t.csv", "--epochs", 15, "--out", "run", "--json", "result.json")


def test_a_table_of_classes(run, flowers, tmp_path):
    code, out, err = flowers
    assert (code, err) == (0, "")
    assert "60 items of shape 2; 2 classes: rose (30), tulip (30) in column 'kind'; 48 to train with, 12 held out" in out
    assert "validation accuracy 100.00% (12 of 12)" in out
    assert json.loads((tmp_path / "result.json").read_text())["confusion"] == [[6, 0], [0, 6]]
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert (config["classes"], config["columns"]) == (["rose", "tulip"], ["wide", "tall"])
    (tmp_path / "new.csv").write_text("name,tall,wide\nx,1,1.1\ny,4.1,3.9\n")
    assert run("predict", "run", "new.csv", "--json", "out.json")[0] == 0
    first, second = json.loads((tmp_path / "out.json").read_text())
    assert (first["class"], second["class"], second["item"]) == ("rose", "tulip", "new.csv, line 3")
    assert sum(first["probabilities"].values()) == pytest.approx(1)
    for text, said in [
        ("tall,wide\n1,1\n1,\n", "new.csv, line 3: column 'wide' has no value"),
        ("tall,width\n1,1\n", "has no column 'wide'; it has 'tall', 'width'"),
        ("tall,wide\n1,1\n1,400\n", "new.csv, line 3: column 'wide' has 400; this model learned from values from 0.62 to 4.55"),
        ("tall,wide\n1,1\n1,inf\n", "line 3: 'inf' in the column 'wide' is no finite number"),
    ]:
        (tmp_path / "new.csv").write_text(text)
        code, _, err = run("predict", "run", "new.csv")
        assert code == 1
        assert said in err


def test_data_that_have_changed_are_not_trained_on(run, flowers, tmp_path):
    with open(tmp_path / "t.csv", "a") as file:
        file.write("\n1;2;rose\n")
    code, _, err = run("train", "--resume", "run")
    assert code == 1
    assert "they have changed since" in err


def test_numbers_are_predicted_in_their_own_unit(run, tmp_path):
    x = np.random.default_rng(0).uniform(-1, 1, (300, 2))
    np.savez(tmp_path / "d.npz", x=x, y=1000 + 50 * x[:, 0] - 20 * x[:, 1])
    code, out, _ = run("train", "d.npz", "--epochs", 20, "--out", "run", "--json", "result.json")
    assert code == 0
    assert "numbers to learn (regression)" in out
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["rmse"] < 0.25 * result["rmse_of_the_mean"]
    assert 20 < result["rmse_of_the_mean"] < 45  # sqrt((50^2 + 20^2) / 3) is 31
    np.save(tmp_path / "new.npy", [[0.5, 0.5]])
    assert run("predict", "run", "new.npy", "--json", "out.json")[0] == 0
    assert json.loads((tmp_path / "out.json").read_text())[0]["values"][0] == pytest.approx(1015, abs=15)


def test_an_idx_pair(run, tmp_path, monkeypatch):
    (tmp_path / "set").mkdir()
    images = np.random.default_rng(0).integers(0, 99, (60, 5, 6), dtype=np.uint8)
    labels = np.arange(60, dtype=np.uint8) % 3 * 7
    images[labels == 7, 2:] += 100
    data.write_idx(tmp_path / "set/images.idx3.gz", images)
    data.write_idx(tmp_path / "set/labels.idx1.gz", labels)
    code, out, err = run("train", "set", "--epochs", 1, "--out", "run")
    assert (code, err) == (0, "")
    assert "idx in" in out
    assert "60 items of shape 1 x 5 x 6; 3 classes: 0 (20), 7 (20), 14 (20)" in out
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run("train", "--resume", "../run")[0] == 0


def test_pictures(run, tmp_path):
    image = pytest.importorskip("PIL.Image", reason="pictures need Pillow (the extra images)")
    write_digits(tmp_path / "d", 60)
    code, out, err = run("train", "d", "--epochs", 1, "--out", "run")
    assert (code, err) == (0, "")
    assert "60 items of shape 1 x 8 x 8; 10 classes" in out
    file = next((tmp_path / "d" / "3").iterdir())
    code, out, _ = run("predict", "run", file, "d", "--json", "out.json")
    lines = json.loads((tmp_path / "out.json").read_text())
    assert (code, len(lines), lines[0]["item"]) == (0, 61, str(file))
    image.new("L", (9, 8)).save(tmp_path / "wide.png")
    code, _, err = run("predict", "run", "wide.png")
    assert code == 1
    assert "wide.png has an item of shape (1, 8, 9); this model takes items of shape (1, 8, 8)" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.csv"], "invalid choice: 'nowhere.csv' is no data set"),
        (["t.csv", "--augment"], "--augment has no meaning for table"),
        (["t.csv", "--model", "cnn"], "there is no model 'cnn' for table"),
        (["t.bin"], "has a name that tells no kind of data"),
        (["digits", "--target", "x"], "--target names a column of a table"),
    ],
)
def test_usage(run, tmp_path, arguments, message):
    for name in ("t.csv", "t.bin"):
        (tmp_path / name).write_text("x,y\n1,2\n")
    code, _, err = run("train", *arguments)
    assert code == 2
    assert message in err


@pytest.mark.slow
def test_a_thousand_pictures_are_learned(run, tmp_path):
    pytest.importorskip("PIL", reason="pictures need Pillow (the extra images)")
    write_digits(tmp_path / "d", 1000)
    assert run("train", "d", "--out", "run", "--json", "result.json")[0] == 0
    result = json.loads((tmp_path / "result.json").read_text())
    assert np.sum(result["confusion"]) == 200
    assert result["val_accuracy"] > 0.95
