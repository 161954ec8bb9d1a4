"""The blocks of code in the pages that the build does not run, run by what they are for.

(Those of several ranks: tests/distributed; that of SciPy: tests/array_api.)
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)

MY_OPS = """\
import minigrad as mg
from minigrad.gradcheck.samples import Sample, samples

@mg.op
def my_op(xp, x):
    '''The square.'''
    return x * x

my_op.vjp(x=lambda g, x: 2 * g * x)


@samples("mypackage.ops.my_op")
def _(rng):
    yield Sample(rng.standard_normal((2, 3)))
"""


def blocks(page):
    return BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))


def run(command, folder):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": f"{folder}{os.pathsep}{DOCS.parent}"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_no_other_page_has_a_block_that_is_not_run():
    pages = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md") if BLOCK.search(path.read_text(encoding="utf-8")))
    assert pages == ["array_api.md", "distributed.md", "from_pytorch.md", "gradients.md"]


def test_the_tests_of_a_user_run(tmp_path):
    (block,) = blocks("gradients.md")
    (tmp_path / "mypackage").mkdir()
    (tmp_path / "mypackage" / "__init__.py").touch()
    (tmp_path / "mypackage" / "ops.py").write_text(MY_OPS)
    (tmp_path / "test_mine.py").write_text("import numpy as np\nimport minigrad as mg\nfrom mypackage.ops import my_op\n\n" + block)
    done = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


@pytest.mark.torch
def test_weights_of_pytorch_are_loaded(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    from minigrad import nn

    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    monkeypatch.chdir(tmp_path)
    torch.save(theirs.state_dict(), "weights.pt")
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    block, _ = blocks("from_pytorch.md")
    exec(block, {"torch": torch, "model": model})
    for name, value in theirs.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[name].numpy(), value.numpy())


def test_weights_of_tinygrad_are_loaded(tmp_path, monkeypatch):
    """As ``safe_save(get_state_dict(model))`` writes them, of a class with a list of layers; batch counts were floats of shape (1,)."""
    from minigrad import nn

    shapes = {
        "0.weight": (4, 3),
        "0.bias": 4,
        "1.weight": 4,
        "1.bias": 4,
        "1.running_mean": 4,
        "1.running_var": 4,
        "1.num_batches_tracked": 1,
    }
    state = {f"layers.{name}": np.random.default_rng(0).random(shape, np.float32) for name, shape in shapes.items()}
    state["layers.1.num_batches_tracked"][:] = 7
    monkeypatch.chdir(tmp_path)
    mg.save(state, "model.safetensors")
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    _, block = blocks("from_pytorch.md")
    with pytest.warns(UserWarning, match=r"converted 1 from a batch count of float32 and shape \(1,\) to one integer"):
        exec(block, {"mg": mg, "model": model})
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy().reshape(-1), state[f"layers.{name}"].reshape(-1))
