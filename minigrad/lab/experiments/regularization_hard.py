"""The cells of regularization on harder data: 500 drawn digits of 28 x 28 pixels with much noise, tested on 1000."""

from __future__ import annotations

from minigrad.lab.experiment import Effect, Experiment, Row, Settings
from minigrad.lab.experiments.regularization import cells, conclude
from minigrad.lab.nets import images


def measure(seed: int, s: Settings) -> Row:
    """Train the eight cells on drawn digits."""
    return cells(images(3000, 1000, s["noise"]), seed, s)


EXPERIMENT = Experiment(
    claim="BN regularizes: it is better on little data, and takes the place of dropout (harder data)",
    source="paper 4.2.1; articles 0 to 3",
    data="500 drawn 28x28 digits, noise .5",
    images=True,
    settings={"samples": 500, "noise": 0.5, "dropout": 0.5, "l2": 1e-3, "lr": 0.05, "steps": 600},
    measure=measure,
    conclude=conclude,
    rule=(Effect("BN - plain"), Effect("dropout gains with BN", sign=-1)),
    seeds=tuple(range(5)),
    true="Beside BN dropout gains about four points here, in both blocks of seeds.",
    overstated="'No dropout needed' is reversed, and BN alone gains nothing sure.",
    seconds=44,
)
