"""What must hold before a change lands, as a table of steps. A step is one line: add yours, and what it installs.

Each environment is made by a step of its own, so that no step sees the packages of another.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

from side_by_side import Step, run

ROOT = Path(__file__).parents[1]
DEV, TORCH, FAST, CUDA, CUDA12 = (f".venv-{name}/bin/python" for name in ("dev", "torch", "fast", "cuda", "cuda12"))


def readme(command: str) -> str:
    """A command of the README, word for word."""
    found = re.search(rf"<!-- {command} -->\n```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found, f"the README has no {command}"
    return found[1]


def environment(python: str, *packages: str) -> str:
    """Make an environment with these packages."""
    folder = python.removesuffix("/bin/python")
    return f"python3 -m venv --without-pip {folder} && python3 -m pip --python {python} install -qq {shlex.join(packages)}"


def check(hook: str) -> str:
    """Do what pre-commit does, on all files."""
    return f"PATH=$PWD/.venv-dev/bin:$PATH .venv-dev/bin/pre-commit run --all-files --verbose {hook}"


#: packages that tests compare with
ORACLES = ("scipy", "scikit-learn", "expecttest", "jax", "torch==2.13.0", "onnxruntime", "onnxscript")

#: needed by the steps for the explorer, where nobody has installed it
CHROMIUM = "command -v chromium || command -v google-chrome || { apt-get update -qq && apt-get install -qq -y chromium; }"

#: what the core does by itself, when a step is captured, and when a computation is traced
CORE_TESTS = "tests/core tests/test_autograd.py tests/test_newcomer.py tests/replay tests/explore/test_trace.py tests/explore/test_text.py"

#: in the order in which they begin; what is short or only installs begins as soon as what it needs is there
STEPS = [
    # What a newcomer does, in this clone. What it cannot do it skips.
    Step("tools", environment(DEV, "-e", ".[dev]"), installs=True),
    Step("newcomer", "env -u CI bash -c " + shlex.quote(readme("test command")), cores=2),
    # What the newcomer's run leaves out: everything of what it sees the gist of.
    Step("thorough", f"{DEV} -m pytest -n 2 -m 'thorough and not slow'", needs="tools", cores=2),
    # What pre-commit checks, and the types of the package.
    Step("format", check("format"), needs="tools", cores=0),
    Step("lint", check("lint"), needs="tools", cores=0),
    Step("mypy", check("types"), needs="tools", cores=0),
    Step("laws", check("laws"), needs="tools", cores=0),
    Step("user-types", f"{DEV} -m pytest -n 0 -m slow tests/typing", needs="tools"),
    # The face: a short training run, every op, PyTorch as the oracle, several processes by a real MPI.
    Step(
        "oracle",
        environment(TORCH, "-e", ".[test,mpi,onnx,tensorboard]", *ORACLES),
        installs=True,
    ),
    Step("train", f"{DEV} -m minigrad train digits --epochs 2 --out $(mktemp -d)/run", needs="tools"),
    Step("gradcheck", f"{DEV} -m minigrad gradcheck --mode quick", needs="tools"),
    Step("lab", f"{DEV} -m minigrad lab run exact --out $(mktemp -d)", needs="tools"),  # what algebra says must be reproduced
    Step("torch", f"MINIGRAD_REQUIRE_TORCH=1 {TORCH} -m pytest -n 2 -m 'torch and not slow'", needs="oracle", cores=2),
    Step("onnx", f"{TORCH} -m pytest -n 2 -m 'not slow' tests/export", needs="oracle", cores=2),
    Step("mpi", f"MINIGRAD_REQUIRE_MPI=1 {TORCH} -m pytest -n 0 -m mpi tests/distributed", needs="oracle", cores=2),
    # The CUDA code where no GPU is: the compilers of CUDA 13 and 12, CuPy's own list of functions. A missing one fails.
    Step("cuda-13", environment(CUDA, "-e", ".[test,test-cuda]"), installs=True),
    Step("cuda-12", environment(CUDA12, "-e", ".[test,test-cuda12]"), installs=True),
    Step("cuda", f"{CUDA} -m pytest -n 2 -m 'slow or not slow' tests/cuda", needs="cuda-13", cores=2),
    Step("cuda-sources-12", f"{CUDA12} -m pytest -m 'slow or not slow' tests/cuda/test_cuda_sources.py", needs="cuda-12"),
    # The optional compiled kernels, held to the same tests; with the kernels that OpenBLAS itself chooses, where a machine pins others.
    Step("numba", environment(FAST, "-e", ".[test,fast]"), installs=True),
    Step(
        "compiled-kernels",
        f"env -u OPENBLAS_CORETYPE {FAST} -m pytest -n 2 -m 'not slow' tests/test_laws.py tests/kernels tests/nn tests/ops tests/optim",
        needs="numba",
        cores=2,
    ),
    # The explorer: the committed bundle is what its sources build, and the page and the widget work in a real browser.
    Step("bundler", "npm ci --ignore-scripts --prefix web", installs=True),
    Step("chromium", CHROMIUM, installs=True),
    Step("web", environment(".venv-web/bin/python", "-e", ".[test,test-web,notebook]", "treescope"), installs=True),
    Step(
        "explorer",
        "MINIGRAD_REQUIRE_WEB=1 .venv-web/bin/python -m pytest -n 2 -m 'slow or not slow' tests/explore",
        needs="web bundler chromium",
        cores=2,
    ),
    # The playground in the same browser, and on 32 bits by node. Its Python is fetched and checked; where it cannot be had, this says so.
    Step(
        "playground",
        "MINIGRAD_REQUIRE_WEB=1 .venv-web/bin/python -m pytest -n 2 -rs -m 'slow or not slow' tests/playground",
        needs="web bundler chromium",
        cores=2,
    ),
    # The site: every page is run, a warning is an error, and the built pages are used in a real browser.
    Step("site-tools", environment(".venv-site/bin/python", "-e", ".[docs,test,test-web]"), installs=True),
    Step(
        "site",
        "MINIGRAD_REQUIRE_WEB=1 .venv-site/bin/python -m pytest -n 0 -m 'slow or not slow' tests/docs",
        needs="site-tools bundler chromium",
    ),
    # What is read and what is shipped: every branch of the core, the wheel and the sdist.
    Step(
        "coverage",
        f"{DEV} -m pytest -p no:minigrad -n 0 -m 'not slow' --cov --cov-report=term-missing:skip-covered {CORE_TESTS}",
        needs="tools",
    ),
    Step("distribution", f"{DEV} -m pytest -n 0 -m slow tests/test_distribution.py", needs="tools"),
]

NOT_RUN = [
    "anything on a GPU: there is none here (minigrad gradcheck --device cuda, benchmarks/gpu)",
    "Windows, macOS, Python 3.12 and later, free-threaded Python, NumPy 2.0: in .github/workflows, not here",
    "slow tests: pytest -m slow (200 kills of a training run, 1,000,000 damaged files, a chain of 1,000,000 ops, all mutants)",
    "benchmarks: benchmarks/compare.py; their seconds would not mean much on shared cores",
]

if __name__ == "__main__":
    os.chdir(ROOT)
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", CI="true", PIP_DISABLE_PIP_VERSION_CHECK="1")
    sys.exit(run(STEPS, NOT_RUN, sys.argv[1:]))
