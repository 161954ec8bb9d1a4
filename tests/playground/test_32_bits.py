"""minigrad on 32 bits: the page's Python, run by node, checks every op and layer, and grades every exercise."""

import json
import shutil
import subprocess

import pytest
from support.browser import missing

pytestmark = pytest.mark.slow

RUN = """
import { readFileSync } from "node:fs";
const [place, config, zip, program] = process.argv.slice(2);
const { loadPyodide } = await import(`${place}/pyodide.mjs`);
const { packages, wheels } = JSON.parse(readFileSync(config, "utf8"));
const python = await loadPyodide({ indexURL: `${place}/`, packages });
const site = python.runPython("import site; site.getsitepackages()[0]");
for (const archive of [...wheels.map((wheel) => `${place}/${wheel}`), zip])
  python.unpackArchive(new Uint8Array(readFileSync(archive)), "zip", { extractDir: site });
try {
  console.log("ANSWER" + python.runPython(readFileSync(program, "utf8")));
} catch (error) {
  console.log("FAILED" + error.message);
}
"""

SUITE = """
import json, sys
from minigrad.gradcheck.suite.run import Options, run_suite, select
document = run_suite(select([], []), Options(order=1, mode="quick"))
cases = [[case["op"], case["case"], case["verdict"]] for case in document["cases"]]
json.dumps({"bits": sys.maxsize.bit_length() + 1, "cases": cases})
"""

EXERCISES = """
import json
from minigrad.learn import check
from minigrad.learn.course import OWN, read
course = read(OWN)
json.dumps({id: [check(e, e.solution).outcome, check(e, e.starter).ok] for id, e in course.exercises.items()})
"""

INTEGERS = """
import json
import numpy as np
import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F
labels = np.array([0, 2], dtype=np.int64)
json.dumps({
    "from Python": str(mg.tensor([1, 2]).dtype),
    "embedding": list(nn.Embedding(5, 3)(mg.tensor(labels)).shape),
    "cross entropy": F.cross_entropy(mg.ones((2, 3)), labels).item(),
    "argmax": mg.tensor([3.0, 5.0]).argmax().item(),
})
"""


@pytest.fixture
def python(folder, tmp_path):
    """Run a program there, and return the JSON that its last line gives."""
    node = shutil.which("node") or missing("node is not installed")
    (tmp_path / "run.mjs").write_text(RUN)
    runtime = next(folder.glob("runtime-*"))

    def run(program):
        (tmp_path / "program.py").write_text(program)
        command = [node, tmp_path / "run.mjs", runtime, folder / "playground.json", folder / "minigrad.zip", tmp_path / "program.py"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        assert "ANSWER" in done.stdout, done.stdout.rpartition("FAILED")[2]
        return json.loads(done.stdout.rpartition("ANSWER")[2])

    return run


def test_everything_passes_the_quick_check(python):
    found = python(SUITE)
    assert found["bits"] == 32
    assert len(found["cases"]) > 1400
    assert [case for case in found["cases"] if case[2] != "pass"] == []


def test_every_exercise_is_graded_as_elsewhere(python):
    assert set(map(tuple, python(EXERCISES).values())) == {("passed", False)}


def test_integers_are_of_64_bits_and_index(python):
    found = python(INTEGERS)
    assert found.pop("cross entropy") == pytest.approx(1.0986, abs=1e-4)
    assert found == {"from Python": "int64", "embedding": [2, 3], "argmax": 1}
