"""What SciPy and scikit-learn compute with tensors, as docs/array_api.md says.

In processes of their own, as SciPy asks its environment once.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "array_api.md"
SCIPY = pytest.mark.skipif(not find_spec("scipy"), reason="SciPy is not installed: pip install 'minigrad-checked[lab]'")
SKLEARN = pytest.mark.skipif(not find_spec("sklearn"), reason="scikit-learn is not installed")

STATISTICS = """
import numpy as np
from scipy import integrate, special, stats
import minigrad as mg

x = np.random.default_rng(0).uniform(0.5, 2, (6, 2))
functions = [stats.skew, stats.kurtosis, lambda x: stats.moment(x, 3), stats.sem, stats.gmean, stats.hmean, lambda x: stats.pmean(x, 2)]
functions += [stats.circmean, lambda x: special.softmax(x, axis=1), lambda x: integrate.trapezoid(x, axis=0)]
for f in functions:
    t = mg.tensor(x, requires_grad=True)
    np.testing.assert_allclose(f(t).detach().numpy(), f(x), rtol=1e-10)
    assert mg.gradcheck(f, [x]), f
try:
    stats.zscore(mg.tensor(x))
except TypeError as error:
    assert "cannot be changed by assignment" in str(error)
else:
    raise AssertionError("zscore runs: docs/array_api.md says that it does not")
"""

LEARNING = """
import numpy as np, sklearn
from sklearn.decomposition import PCA
import minigrad as mg

x = np.random.default_rng(0).normal(size=(50, 3))
with sklearn.config_context(array_api_dispatch=True):
    y = PCA(2, svd_solver="full").fit_transform(mg.tensor(x))
assert isinstance(y, mg.Tensor)
np.testing.assert_allclose(abs(y.numpy()), abs(PCA(2, svd_solver="full").fit_transform(x)), rtol=1e-10)
"""


SHAPES = """
import numpy as np
from einops.array_api import rearrange, reduce, repeat
import minigrad as mg

x = np.random.default_rng(0).normal(size=(2, 3, 4))
for f in (
    lambda x: rearrange(x, "a b c -> (a c) b"),
    lambda x: reduce(x, "a b c -> a c", "mean"),
    lambda x: reduce(x, "a (b) c -> c", "max"),
    lambda x: repeat(x, "a b c -> a (b 2) c"),
):
    np.testing.assert_allclose(f(mg.tensor(x)).numpy(), f(x), rtol=1e-12)
    assert mg.gradcheck(f, [x]), f
"""


def run(source: str) -> str:
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", source], env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@SCIPY
def test_the_block_of_the_page() -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert "gradcheck of <lambda>: pass" in run(block)


@SCIPY
def test_functions_of_scipy_and_their_gradients() -> None:
    run(STATISTICS)


@SCIPY
@SKLEARN
def test_principal_components_of_scikit_learn() -> None:
    run(LEARNING)


@pytest.mark.skipif(not find_spec("einops"), reason="einops is not installed")
def test_einops() -> None:
    run(SHAPES)
