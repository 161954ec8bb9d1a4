"""The Jacobian of batch norm on m values has rank m - 2: shift and scale are gone. Of two values nothing is left but which is larger."""

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.lab.experiment import Condition, Experiment, Row, Settings


def measure(seed: int, s: Settings) -> Row:
    """Count singular values that are not zero; look at the output of a batch of two; ask for a batch of one."""
    rng = np.random.default_rng(seed)
    row: Row = {}
    for m in s["sizes"]:
        jacobian = mg.jacobian(lambda t: mg.batch_norm(t, axis=0, eps=0.0)[0], mg.tensor(rng.normal(size=m)))
        values = np.linalg.svd(np.asarray(jacobian.data), compute_uv=False)
        row[f"rank - (m - 2) at m = {m}"] = int((values > s["zero"] * max(values[0], 1)).sum()) - (m - 2)
    pair = mg.tensor(rng.normal(size=(2, 6)) * 10.0 ** np.arange(-1, 5))
    row["m = 2: largest distance of |output| from 1"] = float(np.abs(np.abs(mg.batch_norm(pair, axis=0, eps=0.0)[0].data) - 1).max())
    try:
        nn.BatchNorm1d(3)(mg.ones((1, 3)))
        row["m = 1 is refused"] = 0
    except ValueError:
        row["m = 1 is refused"] = 1
    return row


SIZES = (2, 3, 4, 8, 16)
EXPERIMENT = Experiment(
    claim="batch statistics of very small batches say nothing",
    source="article 2",
    data="normal samples, float64",
    settings={"sizes": SIZES, "zero": 1e-9},
    measure=measure,
    rule=(
        *(Condition(f"rank - (m - 2) at m = {m}", "==", 0) for m in SIZES),
        Condition("m = 2: largest distance of |output| from 1", "<=", 1e-12),
        Condition("m = 1 is refused", "==", 1),
    ),
    true="Two directions of the batch are lost in each channel; at m = 2 the output is +1 and -1 whatever the input was.",
    overstated="It is values per channel that count, m p q in a convolution, not the size of the batch (see cnn_norms).",
    exact=True,
    seconds=1,
)
