"""How much a sample's normalized value owes to its batch mates, by the size of the batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import minigrad as mg
from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, column
from minigrad.lab.nets import digits
from minigrad.training.panels import Line, Panel


def measure(seed: int, s: Settings) -> Row:
    """Put some samples into many random batches; return the standard deviation of their values over batches, rms over 64 units."""
    rng = np.random.default_rng(seed)
    z = (digits().x @ rng.normal(0, 0.2, (64, 64))).astype(np.float64)
    noise = []
    for m in s["sizes"]:
        spread = []
        for i in range(s["samples"]):
            mates = rng.integers(0, len(z), (s["batches"], m))
            mates[:, 0] = i
            spread.append(mg.batch_norm(mg.tensor(z[mates]), axis=1, eps=1e-5)[0].data[:, 0].var(0))
        noise.append(float(np.sqrt(np.mean(spread))))
    large = [i for i, m in enumerate(s["sizes"]) if m >= 8]
    slope = np.polyfit(np.log([s["sizes"][i] for i in large]), np.log([noise[i] for i in large]), 1)[0]
    return {
        "noise": noise,
        "least noise": min(noise),
        "slope": float(slope),
        **{f"sd at m = {m}": v for m, v in zip(s["sizes"], noise, strict=True)},
    }


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw it by batch size."""
    panel = Panel(
        "noise of one value", "batch size", "sd over batches", {"BN": Line(s["sizes"], [r["noise"] for r in rows])}, log_x=True, log_y=True
    )
    return Findings({name: column(rows, name) for name in rows[0] if name != "noise"}, panels=[panel])


EXPERIMENT = Experiment(
    claim="a sample is seen with its batch mates, so that its value is noisy",
    source="paper 3.4; articles 1, 2",
    data="8x8 digits",
    settings={"sizes": (2, 4, 8, 16, 32, 64, 128, 256), "batches": 200, "samples": 10},
    measure=measure,
    conclude=conclude,
    rule=(Condition("least noise", ">", 0), Condition("slope", ">", -0.6), Condition("slope", "<", -0.4)),
    true="It is, and the noise falls like 1 / sqrt(m): .2 standard deviations at 32, .08 at 256.",
    overstated="That this noise is what regularizes: see regularization and memorize.",
    seconds=4,
)
