"""``minigrad export``: what onnxruntime says of the file is what the model says."""

import json

import numpy as np
import pytest

import minigrad as mg
from minigrad.commands import main
from minigrad.commands.predict import trained_model
from minigrad.data import digits
from minigrad.training.run_folder import RunFolder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "digits"
    assert main(["train", "digits", "--model", "mlp", "--epochs", "1", "--out", str(out)]) == 0
    return out


def test_a_run_as_an_onnx_file(trained, tmp_path, capsys):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    assert main(["export", str(trained), str(tmp_path / "model.onnx")]) == 0
    assert "takes float32 of shape ('N', 1, 8, 8)" in capsys.readouterr().out
    folder = RunFolder.open(trained)
    model = trained_model(folder, folder.read_config()).eval()
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    for n in (1, 7):
        x = digits().test.arrays[0][:n]
        (y,) = session.run(None, {session.get_inputs()[0].name: x})
        with mg.no_grad():
            expected = model(mg.as_tensor(x)).numpy()
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(("argv", "says"), [(["none", "x.onnx"], "is not the folder of a run"), (["run"], "required: FILE")])
def test_wrong_command_lines_are_one_sentence(argv, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["export", *argv]) in (1, 2)
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said


def test_a_model_of_ones_own_data_takes_the_values_of_the_files(tmp_path, capsys):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    x = np.random.default_rng(0).uniform(100, 300, (60, 2))
    rows = [f"{a},{b},{a + 2 * b}" for a, b in x.round(3)]
    (tmp_path / "sums.csv").write_text("\n".join(["a,b,sum", *rows]))
    run, file = str(tmp_path / "run"), str(tmp_path / "model.onnx")
    assert main(["train", str(tmp_path / "sums.csv"), "--epochs", "1", "--no-batch-norm", "--out", run]) == 0
    assert main(["export", run, file]) == 0
    assert "values as in your files" in capsys.readouterr().out
    (tmp_path / "asked.csv").write_text("a,b\n150,250\n210,120")
    assert main(["predict", run, str(tmp_path / "asked.csv"), "--json", str(tmp_path / "said.json")]) == 0
    said = json.loads((tmp_path / "said.json").read_text())
    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {session.get_inputs()[0].name: np.array([[150, 250], [210, 120]], np.float32)})
    np.testing.assert_allclose(y.ravel(), [line["values"][0] for line in said], rtol=1e-5)
