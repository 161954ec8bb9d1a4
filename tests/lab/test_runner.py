"""A run: what is printed is what ran, it goes on where it stopped, processes do not matter, drift is told."""

import dataclasses
import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from minigrad import lab, nn
from minigrad.commands import main
from minigrad.data import write_idx
from minigrad.data.drawn import draw_digits
from minigrad.lab import load, nets, run, runner
from minigrad.lab.compare import compare
from minigrad.lab.experiments import regularization_hard
from minigrad.lab.pages import write_pages
from minigrad.lab.record import Record, RecordError, decoded, encoded
from minigrad.lab.registry import CHAPTERS, NAMES, chosen


@pytest.fixture(autouse=True)
def without_matplotlib(monkeypatch):
    """A picture by matplotlib takes longer than a quick experiment."""
    monkeypatch.setattr("minigrad.lab.record.find_spec", lambda name: None)


@pytest.mark.slow
def test_a_record_has_a_png_where_matplotlib_is(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.undo()
    list(run(["small_batches"], tmp_path, seeds=(0,)))
    assert (tmp_path / "small_batches.png").read_bytes()[:4] == b"\x89PNG"


QUICK = ["identity", "small_batches", "unbiased_variance"]


def test_every_experiment_reads_like_its_claim():
    for name in NAMES:
        experiment = load(name)
        lines = (Path(lab.__file__).parent / "experiments" / f"{name}.py").read_text().splitlines()
        assert len(lines) <= 115, name
        for text in (experiment.claim, experiment.source, experiment.data, experiment.true, experiment.overstated):
            assert text
        assert all(text.endswith(".") for text in (experiment.true, experiment.overstated)), name
        assert len(set(experiment.seeds)) == len(experiment.seeds) >= 3
    assert len(NAMES) == len(set(NAMES))
    assert CHAPTERS
    assert {path.stem for path in (Path(lab.__file__).parent / "experiments").glob("[a-z]*.py")} == set(NAMES)


def test_a_record_holds_everything_and_is_read_back(tmp_path):
    (record,) = run(["identity"], tmp_path, seeds=(0, 1))
    body = json.loads((tmp_path / "identity.json").read_text())
    assert body["verdict"] == "reproduced"
    assert body["seeds"] == [[0, 1]]
    assert body["settings"] == {"batch": 60, "lr": 0.3, "steps": 500}
    assert "error by hand <= 1e-12 in every seed" in body["rule"]
    assert len(body["quantities"][0]["error by hand"]) == 2
    assert {"minigrad", "numpy", "python"} <= set(body["versions"])
    assert Record.read(tmp_path / "identity.json").to_json() == record.to_json()
    assert ET.parse(tmp_path / "identity.svg").getroot().tag.endswith("svg")


def test_a_run_goes_on_where_it_stopped(tmp_path):
    seen = []
    report = lambda name, seed, seconds: seen.append((name, seed))
    list(run(["identity"], tmp_path, seeds=(0,), report=report))
    list(run(["identity"], tmp_path, seeds=(0, 1), report=report))
    assert seen == [("identity", 0), ("identity", 1)]
    path = tmp_path / "identity" / "seed-0.json"
    path.write_text(path.read_text().replace("0.3", "0.4"))  # other settings: it is measured again
    (tmp_path / "identity" / "seed-1.json").write_text("{")
    list(run(["identity"], tmp_path, seeds=(0, 1), report=report))
    assert seen[2:] == [("identity", 0), ("identity", 1)]


@pytest.mark.slow
def test_processes_do_not_matter(tmp_path):
    alone = {r.name: r.quantities for r in run(QUICK, tmp_path / "a")}
    together = {r.name: r.quantities for r in run(QUICK, tmp_path / "b", jobs=2)}
    assert alone == together


def test_numbers_that_are_not_finite_survive_json():
    value = {"a": [np.inf, -np.inf, 1.5], "b": np.int64(3), "c": True, "d": "inflation"}
    assert decoded(json.loads(json.dumps(encoded(value), allow_nan=False))) == {**value, "b": 3}
    assert np.isnan(decoded(encoded(float("nan"))))


def test_drift_is_told(tmp_path, capsys):
    list(run(QUICK[:2], tmp_path / "a", seeds=(0, 1)))
    list(run(QUICK[:2], tmp_path / "b", seeds=(0, 1)))
    assert [d.changed for d in compare(tmp_path / "a", tmp_path / "b")] == [False, False]
    assert main(["lab", "compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    path = tmp_path / "b" / "identity.json"
    body = json.loads(path.read_text())
    body["verdict"], body["quantities"][0]["error by hand"] = "depends", [0.1, 0.2]
    path.write_text(json.dumps(body))
    (drift,) = [d for d in compare(tmp_path / "a", tmp_path / "b") if d.changed]
    assert "identity: reproduced -> depends" in str(drift)
    assert any("error by hand" in line and "0.1 to 0.2" in line for line in drift.moved)
    assert main(["lab", "compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    with pytest.raises(RecordError, match="no record of an experiment"):
        compare(tmp_path / "a" / "identity.svg", path)
    with pytest.raises(RecordError, match="no experiment in common"):
        compare(tmp_path / "a" / "identity.json", tmp_path / "b" / "small_batches.json")


def test_the_command_lists_runs_and_prints_json(tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["lab", "run", "small_batches", "--out", out, "--seeds", "2"]) == 0
    assert "small_batches: reproduced" in capsys.readouterr().out
    assert main(["lab", "run", "small_batches", "--out", out, "--seeds", "1-2", "--json"]) == 0
    (body,) = json.loads(capsys.readouterr().out)
    assert body["seeds"] == [[1, 2]]
    assert main(["lab", "list", "--out", out]) == 0
    shown = capsys.readouterr().out
    assert "not run" in shown
    assert "Not decided here" in shown


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["lab", "run", "nothing"], 1, "there is no experiment 'nothing'"),
        (["lab", "run", "identity", "--seeds", "0"], 2, "neither a number of seeds"),
        (["lab", "run", "identity", "--seeds", "5-3"], 2, "neither a number of seeds"),
        (["lab", "run", "identity", "--seeds", "1", "--full"], 2, "not allowed with"),
        (["lab", "compare", "no.json", "no.json"], 1, "no record of an experiment"),
        (["lab"], 2, "ACTION"),
    ],
)
def test_wrong_command_lines_are_one_sentence(argv, code, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == code
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_exact_claim_that_fails_is_an_error(tmp_path, monkeypatch):
    import minigrad as mg

    right = mg.batch_norm
    monkeypatch.setattr(mg, "batch_norm", lambda x, *args, **kw: (right(x, *args, **kw)[0] * 1.001, *right(x, *args, **kw)[1:]))
    assert main(["lab", "run", "identity", "--out", str(tmp_path), "--seeds", "1"]) == 1


def test_words_stand_for_names():
    assert chosen(["all"]) == list(NAMES)
    assert chosen(["identity", "exact", "identity"])[0] == "identity"
    assert set(chosen(["exact"])) == {name for name in NAMES if load(name).exact}
    assert len(chosen(["exact"])) >= 6


def test_pages_are_made_of_records(tmp_path):
    list(run(["identity", "unbiased_variance"], tmp_path / "results", seeds=(0, 1)))
    pages = {path.name: path.read_text() for path in write_pages(tmp_path / "results", tmp_path)}
    assert set(pages) == {"index.md", "identity.md", "unbiased_variance.md"}
    assert "[identity](identity.md) | gamma and beta can restore the identity" in pages["index.md"]
    assert "**reproduced**" in pages["index.md"]
    page = pages["identity.md"]
    assert "results/identity.svg" in page
    assert load("identity").overstated in page
    assert "steps = 500" in page
    rows = [line for line in page.splitlines() if line.startswith("| error by hand")]
    assert len(rows) == 1
    assert rows[0].count("|") == 5


def test_a_net_is_what_it_is_asked_to_be():
    kinds = lambda model: [type(layer).__name__ for layer in model]
    assert kinds(nets.net((4, 3, 2), "tanh")) == ["Linear", "Tanh", "Linear"]
    assert kinds(nets.net((4, 3, 2), norm=nn.BatchNorm1d)) == ["Linear", "BatchNorm1d", "ReLU", "Linear"]
    assert kinds(nets.net((4, 3, 2), norm=nn.LayerNorm, place="after", dropout=0.5)) == ["Linear", "ReLU", "LayerNorm", "Dropout", "Linear"]
    assert kinds(nets.net((4, 3, 2), norm=nn.BatchNorm1d, place="input")) == ["BatchNorm1d", "Linear", "ReLU", "Linear"]
    assert nets.net((4, 3, 2), norm=nn.BatchNorm1d)[0].bias is None
    assert nets.net((4, 3, 2), norm=nn.BatchNorm1d, bias_under_norm=True)[0].bias is not None
    small = nets.net((50, 40, 2), start=1e-3)
    assert small[0].weight.data.std() == pytest.approx(1e-3, rel=0.1)
    assert not small[0].bias.data.any()


def test_captured_steps_give_the_curve_of_eager_ones_and_an_infinite_loss_is_chance():
    curves = [nets.train(nets.net((64, 8, 10), norm=nn.BatchNorm1d), nets.digits(), 0.1, 20, every=5, capture=c) for c in (True, False)]
    assert curves[0] == curves[1]
    assert curves[0].step == [0, 5, 10, 15, 20]
    assert curves[0].steps_to(0.0) == 0
    assert curves[0].steps_to(1.0) == np.inf
    broken = nets.train(nets.net((64, 64, 10)), nets.digits(), 1e30, 20)
    assert broken.broken
    assert broken.last == nets.CHANCE


def test_a_look_leaves_a_net_as_it_is():
    model = nets.net((64, 8, 10), norm=nn.BatchNorm1d).eval()
    before = {k: v.data.copy() for k, v in model.state_dict().items()}
    x, y = nets.digits().x[:50], nets.digits().y[:50]
    nets.outputs(model, x, training=True)
    assert not model.training
    nets.inputs_of(model, nn.ReLU, x, training=True)
    nets.gradients(model, x, y)
    assert all(np.array_equal(before[k], v.data) for k, v in model.state_dict().items())


def test_without_the_package_mnist1d_the_extra_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "mnist1d.data", None)
    assert main(["lab", "run", "harder", "--out", str(tmp_path), "--seeds", "1"]) == 1
    assert "minigrad-checked[lab]" in capsys.readouterr().err


def test_of_all_only_what_has_its_data_is_run(tmp_path, capsys, monkeypatch):
    """The others do not wait for a package that is not there."""
    from minigrad.commands import lab

    monkeypatch.setattr(lab, "find_spec", lambda package: None)
    monkeypatch.setattr(lab, "chosen", lambda words: ["identity", "harder"])
    assert main(["lab", "run", "all", "--out", str(tmp_path), "--seeds", "1"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "harder is left out" in said
    assert "minigrad-checked[lab]" in said
    assert (tmp_path / "identity.json").is_file()


def an_mnist(folder, n=300):
    """The files of MNIST with other images."""
    made, labels = draw_digits(n)
    for name, (first, last) in {"train": (0, n - 60), "t10k": (n - 60, n)}.items():
        write_idx(folder / f"{name}-images-idx3-ubyte", made[first:last])
        write_idx(folder / f"{name}-labels-idx1-ubyte", labels[first:last].astype(np.uint8))


def test_images_of_the_user_take_the_place_of_drawn_ones(tmp_path, monkeypatch):
    an_mnist(tmp_path)
    source = f"mnist:{tmp_path}"
    with nets.images_from(source):
        sets = nets.images(100, 50)
        assert (len(sets.x), len(sets.x_test)) == (100, 50)
        assert np.array_equal(sets.x * 255, draw_digits(300)[0][:100].reshape(100, -1))
    small = dataclasses.replace(load("regularization_hard"), settings={**load("regularization_hard").settings, "steps": 2, "samples": 50})
    monkeypatch.setattr(regularization_hard, "EXPERIMENT", small)
    out = tmp_path / "out"
    (record,) = run(["regularization_hard"], out, seeds=(0,), images=source)
    assert record.data == "mnist"
    assert record.settings["images"] == "mnist"
    assert runner._kept(out, "regularization_hard", 0, source) is not None
    assert runner._kept(out, "regularization_hard", 0, None) is None  # a row of other data is not taken for one of these


def test_images_that_are_not_there_are_one_sentence(tmp_path, capsys):
    for data, says in (("cifar:x", "no set of images"), ("mnist", "no set of images"), (f"mnist:{tmp_path}", "there is no train-images")):
        assert main(["lab", "run", "fig1", "--data", data, "--out", str(tmp_path / "out")]) == 1
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
