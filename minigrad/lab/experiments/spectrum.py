"""The paper's conjecture: with BN the singular values of a layer's Jacobian are near 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.backends import Array
from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, column
from minigrad.lab.nets import digits, net, norm_of, train
from minigrad.training.panels import Line, Panel


def singular_values(layer: nn.Module, x: Array) -> Array:
    """Return those of the map from batch to batch that are not zero."""
    jacobian = np.asarray(mg.jacobian(layer, mg.tensor(x)).data).reshape(x.size, x.size)
    values = np.linalg.svd(jacobian, compute_uv=False)
    return values[values > 1e-9 * values[0]]


def measure(seed: int, s: Settings) -> Row:
    """Look at the second hidden layer without its activation, before and after training."""
    row: Row = {}
    for steps in (0, s["steps"]):
        for arm in ("plain", "BN"):
            model = net((64, 16, 16, 16, 10), "tanh", norm_of(arm), start=0.1, seed=seed)
            if steps:
                train(model, digits(), s["lr"], steps, seed=seed)
            layers = list(model.to(dtype=np.float64).train())
            first, size = (3, 2) if arm == "BN" else (2, 1)
            with mg.no_grad():
                inside = nn.Sequential(*layers[:first])(mg.as_tensor(digits().x[: s["batch"]].astype(np.float64)))
            values = singular_values(nn.Sequential(*layers[first : first + size]), inside.data)
            name = f"after {steps} steps, {arm}"
            row |= {f"{name}: values": values, f"{name}: median": float(np.median(values))}
            row[f"{name}: condition"] = float(values[0] / np.percentile(values, 5))
        row[f"after {steps} steps: condition, BN / plain"] = (
            row[f"after {steps} steps, BN: condition"] / row[f"after {steps} steps, plain: condition"]
        )
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw the singular values, largest first, of the first seed."""
    panels = []
    for steps in (0, s["steps"]):
        lines = {}
        for arm in ("plain", "BN"):
            values = list(rows[0][f"after {steps} steps, {arm}: values"])
            lines[arm] = Line(range(1, len(values) + 1), [values])
        panels.append(Panel(f"after {steps} steps", "number", "singular value", lines, log_y=True, limit=1.0))
    return Findings({name: column(rows, name) for name in rows[0] if not name.endswith("values")}, panels=panels)


EXPERIMENT = Experiment(
    claim="BN may bring the singular values of a layer's Jacobian close to 1 (a conjecture)",
    source="paper 3.3",
    data="8x8 digits, batch of 20, float64",
    settings={"batch": 20, "lr": 0.3, "steps": 300},
    measure=measure,
    conclude=conclude,
    rule=tuple(
        part
        for n in (0, 300)
        for part in (
            Condition(f"after {n} steps: condition, BN / plain", "<=", 0.5),
            Condition(f"after {n} steps, BN: median", ">=", 0.5),
            Condition(f"after {n} steps, BN: median", "<=", 2),
        )
    ),
    true="Their scale comes near 1.",
    overstated="Their spread does not shrink.",
    seconds=2,
)
