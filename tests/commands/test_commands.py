"""The command: what it leaves behind, and one sentence for everything that can be wrong."""

import importlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import commands, data
from minigrad.saving import load, save

from ..data.test_download import cifar10_members, mnist_files, tar_of


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run a command in an empty folder; return exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIGRAD_DEVICE", raising=False)

    def command(*arguments):
        code = commands.main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return command


@pytest.fixture
def trained(run, tmp_path):
    """The folder of a short run."""
    assert run("train", "digits", "--model", "mlp", "--epochs", 2, "--out", "run")[0] == 0
    return tmp_path / "run"


def test_a_run_leaves_everything_behind(run, tmp_path):
    code, out, err = run("train", "digits", "--epochs", 2, "--out", "run", "--json", "result.json", "--seed", 3)
    assert (code, err) == (0, "")
    for text in ("epoch 1/2", "epoch 2/2", "test accuracy", "confusion", "1,437 items", "15,418 parameters"):
        assert text in out
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["test_accuracy"] > 0.9
    assert result["seed"] == 3
    assert np.trace(result["confusion"]) / 360 == pytest.approx(result["test_accuracy"])
    folder = tmp_path / "run"
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert lines[-1]["test_accuracy"] == result["test_accuracy"]
    assert json.loads((folder / "config.json").read_text())["model"] == "cnn"
    assert {"0.weight", "1.running_mean", "12.bias"} <= set(load(folder / "weights.safetensors"))
    assert {p.name for p in folder.iterdir()} - {"curve.png", "curve.svg"} == {
        "config.json",
        "metrics.jsonl",
        "weights.safetensors",
        "last.ckpt",
    }


def test_the_curve_without_matplotlib(monkeypatch, tmp_path):
    from minigrad.training import plot, svg

    monkeypatch.setattr(plot, "find_spec", lambda name: None)
    history = [
        {"train_loss": 2.0 / (1 + e), "test_loss": 3.0 / (1 + e), "train_accuracy": e / 9, "test_accuracy": e / 10} for e in range(10)
    ]
    path = plot.save_curve(history, tmp_path)
    import xml.etree.ElementTree as ET

    root = ET.fromstring(path.read_text())
    polylines = root.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(polylines) == 4
    for line in polylines:
        points = np.array([[float(v) for v in p.split(",")] for p in line.get("points").split()])
        assert len(points) == 10
        assert (np.diff(points[:, 0]) > 0).all()
        assert points.min() >= 0
        assert points[:, 1].max() <= svg.HEIGHT
    assert svg.ticks(0.0, 1.0) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert svg.ticks(5.0, 5.0)[0] <= 5 <= svg.ticks(5.0, 5.0)[-1]
    plot.save_curve(history[:1], tmp_path)
    plot.save_curve([], tmp_path)


def test_the_same_seed_gives_the_same_bytes(run, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run("train", "digits", "--model", "mlp", "--epochs", 1, "--seed", seed, "--out", name)[0] == 0
    for file in ("weights.safetensors", "metrics.jsonl", "last.ckpt", "config.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file
    assert (tmp_path / "a" / "weights.safetensors").read_bytes() != (tmp_path / "c" / "weights.safetensors").read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        ["digits", "--model", "resnet", "--augment"],
        ["digits", "--no-batch-norm", "--optimizer", "adam", "--schedule", "one-cycle"],
        ["digits", "--model", "mlp", "--patience", "1", "--schedule", "plateau", "--clip-norm", "1"],
        ["spirals", "--schedule", "warm-up"],
        ["digits", "--model", "mlp", "--schedule", "step", "--no-batch-norm", "--lr", "0.01"],
    ],
)
def test_other_settings(options, run):
    assert run("train", *options, "--epochs", 1, "--batch-size", 100)[0] == 0


def test_default_folders_are_numbered(run, tmp_path):
    for _ in range(2):
        assert run("train", "spirals", "--epochs", 1)[0] == 0
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == ["spirals-mlp-1", "spirals-mlp-2"]


@pytest.mark.parametrize("model", ["lstm", "gru", "transformer"])
def test_text(model, run, tmp_path):
    (tmp_path / "text").write_text("to be or not to be, that is the question.\n" * 30)
    code, out, _ = run("train", "text", "text", "--model", model, "--epochs", 1, "--length", 16, "--out", "run")
    assert code == 0
    assert "nats per character" in out
    (tmp_path / "prompt").write_text("to be or n")
    code, out, _ = run("predict", "run", "prompt", "--length", 20, "--json", "out.json")
    assert code == 0
    assert len(json.loads((tmp_path / "out.json").read_text())["continuation"]) == 20
    (tmp_path / "prompt").write_text("Z")
    assert run("predict", "run", "prompt") == (
        1,
        "",
        "minigrad predict: the character 'Z' does not occur in the text that the model learned from\n",
    )
    (tmp_path / "text").write_text("something else " * 90)
    code, _, err = run("train", "--resume", "run")
    assert code == 1
    assert "is not the text that this run was started with" in err


def test_predict(run, trained, tmp_path):
    images = (data.digits().test.arrays[0][:60, 0] * 16).astype(np.uint8)
    data.write_idx(tmp_path / "images.gz", images)
    code, out, _ = run("predict", "run", "images.gz", "--json", "out.json")
    assert code == 0
    assert "and 10 more" in out
    predicted = [int(line["class"]) for line in json.loads((tmp_path / "out.json").read_text())]
    assert (predicted == data.digits().test.arrays[1][:60]).mean() > 0.8
    assert run("train", "spirals", "--epochs", 1, "--out", "plane")[0] == 0
    (tmp_path / "points").write_text("0.5, 0.2\n\n-0.3 0.1\n")
    assert run("predict", "plane", "points")[0] == 0


def test_resume(run, trained, tmp_path):
    before = (trained / "weights.safetensors").read_bytes()
    (trained / "weights.safetensors").unlink()
    code, out, _ = run("train", "--resume", "run")
    assert code == 0
    assert "epoch" not in out.replace("epochs", "")  # nothing was left to train
    assert (trained / "weights.safetensors").read_bytes() == before


USAGE = [
    ([], "the following arguments are required: COMMAND"),
    (["nonsense"], "invalid choice: 'nonsense'"),
    (["train"], "say what to learn: digits, mnist"),
    (["train", "letters"], "invalid choice: 'letters'"),
    (["train", "digits", "--epoch", "x"], "'x' is not a positive integer"),
    (["train", "digits", "--speed", "3"], "minigrad train: unrecognized arguments: --speed 3 (see minigrad train --help)"),
    (["--speed", "3", "info"], "invalid choice: '3'"),
    (["train", "digits", "--epochs", "0"], "'0' is not a positive integer"),
    (["train", "digits", "--lr", "-1"], "'-1' is not a positive number"),
    (["train", "digits", "--lr", "nan"], "'nan' is not a positive number"),
    (["train", "digits", "--seed", "-1"], "is not an integer from 0"),
    (["train", "digits", "--validation", "1"], "not a share"),
    (["train", "digits", "--device", "tpu"], "'tpu' is no device: auto, cpu, cuda or cuda:N"),
    (["train", "digits", "--model", "lstm"], "there is no model 'lstm' for digits; it has mlp, cnn, resnet"),
    (["train", "spirals", "--model", "cnn"], "there is no model 'cnn' for spirals"),
    (["train", "digits", "--optimizer", "adem"], "'adem' is no optimizer; there are sgd, adam, adamw"),
    (["train", "digits", "--optimizer", "lbfgs"], "'lbfgs' trains no model by itself: it calls the loss several times in a step"),
    (["train", "digits", "--optimizer", "adam", "--momentum", "0.5"], "adam has no --momentum; it takes --lr, --weight-decay"),
    (["train", "digits", "--optimizer", "rprop", "--weight-decay", "0"], "rprop has no --weight-decay; it takes --lr (see"),
    (["train", "text", "file", "--momentum", "0.5"], "adam has no --momentum"),
    (["train", "digits", "--momentum", "1"], "'1' is not a number from 0 to below 1"),
    (["train", "digits", "--weight-decay", "-1"], "'-1' is not a number of at least 0"),
    (["train", "text"], "text needs the FILE to learn"),
    (["train", "digits", "file"], "digits takes no FILE"),
    (["train", "digits", "--length", "3"], "--length has no meaning for digits"),
    (["train", "spirals", "--augment"], "--augment has no meaning for spirals"),
    (["train", "text", "file", "--no-batch-norm"], "--no-batch-norm has no meaning for text"),
    (["train", "--resume", "run", "--lr", "1"], "leave out --lr"),
    (["train", "digits", "--resume", "run"], "leave out digits"),
    (["train", "--resume", "run", "--no-capture"], "leave out --no-capture"),
    (["train", "--resume", "run", "--out", "other"], "leave out --out"),
    (["train", "spirals", "--batch-size", "1"], "batch norm needs more than one item"),
    (["predict", "run"], "required: FILE"),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=[m for _, m in USAGE])
def test_usage_errors(arguments, message, run, tmp_path):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


class TestFaults:
    def refused(self, run, message, *arguments, code=1):
        found, _, err = run(*arguments)
        assert found == code
        assert message in err
        assert err.count("\n") == 1
        assert "Traceback" not in err

    def test_the_run_folder(self, run, trained, tmp_path):
        self.refused(run, "run is a folder with something in it already; choose another --out", "train", "digits", "--out", "run")
        (tmp_path / "file").write_text("")
        self.refused(run, "file is a file already", "train", "digits", "--out", "file")
        self.refused(run, "cannot be made: Not a directory", "train", "digits", "--out", "file/run")
        self.refused(run, "nowhere is not the folder of a run", "train", "--resume", "nowhere")
        (trained / "config.json").write_text("{")
        self.refused(run, "config.json cannot be read", "train", "--resume", "run")
        (trained / "config.json").write_text("{}")
        self.refused(run, "there is no 'batch_norm'", "train", "--resume", "run")

    def test_a_device_that_is_not_there(self, run):
        from minigrad.backends.cuda import cuda_status

        if cuda_status().available:
            pytest.skip("there is a GPU")
        self.refused(run, cuda_status().reason, "train", "digits", "--device", "cuda")

    def test_data_that_is_not_there(self, run, tmp_path):
        self.refused(run, f"there is no train-images-idx3-ubyte.gz in {tmp_path}", "train", "mnist", "--data", ".")
        self.refused(run, "there is no file none", "train", "text", "none")
        self.refused(run, "0.0001 of 1437 items is none", "train", "digits", "--validation", "0.0001", "--out", "run")
        (tmp_path / "short").write_text("abc")
        self.refused(run, "short has 3 characters; at least 650 are needed", "train", "text", "short")
        (tmp_path / "binary").write_bytes(bytes(range(128, 256)) * 20)
        self.refused(run, "binary is not a text in UTF-8", "train", "text", "binary")
        assert not (tmp_path / "runs").exists()

    def test_a_loss_that_explodes(self, run):
        with np.errstate(all="ignore"):
            arguments = ["--model", "mlp", "--no-batch-norm", "--lr", "1e30", "--epochs", "1", "--out", "run"]
            self.refused(run, "Try a smaller learning rate", "train", "digits", *arguments)

    def test_predictions(self, run, trained, tmp_path):
        self.refused(run, "there is no file none", "predict", "run", "none")
        (tmp_path / "junk").write_text("junk")
        self.refused(run, "junk is not an IDX file", "predict", "run", "junk")
        data.write_idx(tmp_path / "large", np.zeros((2, 28, 28), np.uint8))
        self.refused(run, "this model takes uint8 images of shape (n, 8, 8)", "predict", "run", "large")
        save({"x": mg.Tensor([1.0])}, trained / "weights.safetensors")
        self.refused(run, "holds the weights of another model", "predict", "run", "large")
        (trained / "weights.safetensors").write_bytes(b"damaged")
        self.refused(run, "is not a safetensors file, or it is cut off", "predict", "run", "large")
        config = json.loads((trained / "config.json").read_text())
        (trained / "config.json").write_text(json.dumps({**config, "model": "nonsense"}))
        self.refused(run, "does not describe a model", "predict", "run", "large")

    def test_a_damaged_checkpoint(self, run, trained):
        (trained / "last.ckpt").write_bytes((trained / "last.ckpt").read_bytes()[:-10])
        self.refused(run, "last.ckpt is not a good safetensors file", "train", "--resume", "run")

    def test_a_result_that_cannot_be_written_is_refused_before_training(self, run, tmp_path):
        self.refused(
            run, "there is no folder none to write x.json into", "train", "spirals", "--epochs", "1", "--json", "none/x.json", code=2
        )
        assert not (tmp_path / "runs").exists()

    def test_options_that_are_for_text_alone(self, run):
        run("train", "spirals", "--epochs", "1", "--out", "run")
        self.refused(run, "--length is for models of text; this one learned spirals", "predict", "run", "x.txt", "--length", "3", code=2)

    def test_points_that_are_none_are_named_by_their_line(self, run, tmp_path):
        run("train", "spirals", "--epochs", "1", "--out", "run")
        for text, says in [
            ("1 2\nnan 3\n", "line 2: 'nan 3' is not 2 finite numbers"),
            ("x,y\n1,2\n", "line 1: 'x,y' is not 2 finite numbers"),
            ("1 2\n\n1 2 3\n", "line 3: '1 2 3' is not 2 finite numbers"),
            ("1;2\n", "line 1: '1;2' is not 2 finite numbers"),
            ("\n", "has none"),
        ]:
            (tmp_path / "points.txt").write_text(text)
            self.refused(run, says, "predict", "run", "points.txt")
        (tmp_path / "points.txt").write_bytes(b"\xef\xbb\xbf1, 2\n3 4\n")
        assert run("predict", "run", "points.txt")[0] == 0

    def test_images_of_another_range(self, run, trained, tmp_path):
        data.write_idx(tmp_path / "images", np.full((2, 8, 8), 255, np.uint8))
        self.refused(run, "values up to 255; this model learned from images with values from 0 to 16", "predict", "run", "images")

    def test_what_is_held_out_and_what_is_done_is_said(self, run):
        code, out, _ = run("train", "spirals", "--epochs", "1", "--patience", "1", "--out", "run")
        assert "1,080 items to train with, 120 held out to choose the best epoch with, 600 to test with" in out
        code, out, _ = run("train", "--resume", "run")
        assert code == 0
        assert "all of its 1 epochs are done: nothing is left to train" in out


def test_info(run):
    code, out, _ = run("info")
    assert code == 0
    for word in ("minigrad", "numpy", "BLAS", "cpu", "cuda"):
        assert word in out
    found = json.loads(run("info", "--json")[1])
    assert found["packages"]["numpy"] == np.__version__
    assert found["cuda"]["reason"]


def test_info_says_which_kernels_openblas_runs():
    """OpenBLAS chooses when NumPy is loaded: hence in processes of their own."""

    def found(**chosen):
        environment = {**{k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}, **chosen}
        command = [sys.executable, "-m", "minigrad", "info", "--json"]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)["blas_kernels"]

    if found() is None:
        pytest.skip("NumPy has another BLAS here")
    if platform.machine() != "x86_64":
        pytest.skip("the kernels named below are for x86-64")
    assert found(OPENBLAS_CORETYPE="Haswell") == "Haswell"
    assert found(OPENBLAS_CORETYPE="Nehalem") == "Nehalem"


@pytest.mark.thorough
def test_a_command_loads_its_own_file_alone():
    """So that help is quick, and a command that cannot be loaded harms no other."""
    code = "import sys, minigrad.commands as c; c.main(sys.argv[1:]); print(*sys.modules)"

    def loaded(*arguments):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        return {name for name in done.stdout.splitlines()[-1].split() if name.startswith("minigrad.")}

    rooms = {f"minigrad.{room}" for room in ("nn", "optim", "data", "training", "gradcheck")}
    assert not loaded("--help") & (rooms | {f"minigrad.commands.{name}" for name in commands.COMMANDS})
    parts = {"train": {"predict", "launch"}, "export": {"predict"}}  # train predicts, and may run on several ranks
    for name in commands.COMMANDS:
        others = set(commands.COMMANDS) - {name} - parts.get(name, set())
        assert not loaded(name, "--help") & {f"minigrad.commands.{other}" for other in others}
    assert not loaded("info") & rooms


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_every_command_has_what_main_needs(name, run):
    command = importlib.import_module(f"minigrad.commands.{name}")
    assert callable(command.add_arguments)
    assert callable(command.run)
    assert all(issubclass(error, Exception) for error in command.ERRORS)
    assert command.ERROR_CODE > 0
    code, out, err = run(name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: minigrad {name}")
    assert commands.COMMANDS[name] in " ".join(run("--help")[1].split())


def test_as_a_module():
    done = subprocess.run([sys.executable, "-m", "minigrad", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"minigrad {mg.__version__}\n"


def test_tensorboard(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    code, _, err = run("train", "spirals", "--epochs", 1, "--out", "other", "--tensorboard")
    assert code == 1
    assert "pip install tensorboardX" in err


@pytest.mark.parametrize("words", [("spirals",), ("text", "text", "--length", "8", "--model", "transformer")])
def test_tensorboard_gets_the_numbers_the_distributions_and_the_graph(words, run, tmp_path):
    pytest.importorskip("tensorboardX", reason="needs the extra tensorboard")
    from support.event_files import graph_in, histograms_in, scalars_in

    (tmp_path / "text").write_text("to be or not to be, that is the question.\n" * 20)
    assert run("train", *words, "--epochs", 2, "--out", "run", "--tensorboard")[0] == 0
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    written = scalars_in(tmp_path / "run")
    assert written == [(name, pytest.approx(value), line["epoch"]) for line in lines for name, value in line.items()]
    assert {step for _, step, _ in histograms_in(tmp_path / "run")} == {1, 2}
    assert graph_in(tmp_path / "run").node


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_data_sets_that_are_downloaded(name, run, tmp_path):
    """From files of the user's own, with few images: shapes, augmentation and prediction fit together."""
    files = {"cifar-10-binary.tar.gz": tar_of(cifar10_members())} if name == "cifar10" else mnist_files(40, 5)
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    code, out, err = run("train", name, "--data", ".", "--epochs", 1, "--batch-size", 5, "--augment", "--out", "run")
    assert (code, err) == (0, "")
    assert f"{10 if name == 'cifar10' else 40} items to train with" in out
    if name != "cifar10":
        assert run("predict", "run", "t10k-images-idx3-ubyte.gz")[0] == 0
    (tmp_path / next(iter(files))).write_bytes(b"damaged")
    code, _, err = run("train", name, "--data", ".", "--epochs", 1)
    assert code == 1
    assert err.count("\n") == 1


def test_help_says_what_is_usual_for_each_data_set(run):
    from minigrad.training.optimizers import OPTIMIZERS
    from minigrad.training.tasks import DEFAULTS, complete

    code, out, _ = run("train", "--help")
    assert code == 0
    lines = {words[0]: words[1:] for words in map(str.split, out.splitlines()) if words}
    for dataset in DEFAULTS:
        config = complete(dataset, {})
        for option in ("model", "epochs", "batch_size", "optimizer", "lr", *(["length"] if dataset == "text" else [])):
            words = lines[dataset]
            name = f"--{option.replace('_', '-')}"
            assert words[words.index(name) + 1] == str(config[option])
    assert " ".join(out.split()).count("(default: as below)") == 8
    assert lines["sgd"] == ["--lr", "0.1", "--momentum", "0.9", "--weight-decay", "0"]
    assert set(OPTIMIZERS) <= set(lines)


@pytest.mark.parametrize("arguments", [("train", "spirals", "--epochs", "1"), ("predict", "RUN", "FILE")])
def test_a_device_of_the_environment_that_is_none_is_named(arguments, tmp_path, monkeypatch, capsys):
    run = Path(__file__).parents[1] / "fixtures" / "run_finished"
    (tmp_path / "points.txt").write_text("0.1 0.2\n")
    given = [{"RUN": str(run), "FILE": str(tmp_path / "points.txt")}.get(a, a) for a in arguments]
    monkeypatch.setenv("MINIGRAD_DEVICE", "foo")
    monkeypatch.chdir(tmp_path)
    assert commands.main(given) == 1
    assert "MINIGRAD_DEVICE='foo' is no device" in capsys.readouterr().err


def test_a_step_is_captured_or_not(capsys):
    assert commands.main(["train", "spirals", "--no-capture", "--capture", "c"]) == 2
    assert "not allowed with" in capsys.readouterr().err


LONG = "1" * 5000


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", LONG), ("train", "--resume", LONG), ("train", "spirals", "--out", LONG), ("predict", LONG, LONG),
        ("export", LONG, "x"), ("launch", "-n", "1", LONG), ("explore", LONG), ("explain", "tanh", "--html", LONG),
        ("learn", "--course", LONG),
        ("playground", "--build", LONG, "--from", LONG), ("lab", "run", "identity", "--out", LONG), ("gradcheck", f"{LONG}.py"),
    ],
    ids=lambda words: " ".join(word for word in words if LONG not in word),
)  # fmt: skip
def test_a_name_that_no_file_can_have_is_a_sentence(arguments, run):
    code, _, err = run(*arguments)
    assert code in (1, 2, 3)
    assert "Traceback" not in err
    assert "1111" in err
