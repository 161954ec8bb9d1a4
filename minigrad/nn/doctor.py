"""The batch norm doctor: what is wrong, or about to go wrong, with the batch norm layers of a model, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.core.device import to_host
from minigrad.core.mode import changed_mode
from minigrad.nn.batch_normalization import BatchNorm
from minigrad.nn.module import Module
from minigrad.nn.statistics import batch_norms, input_of, modes_kept, pairs_by_example
from minigrad.nn.symptoms import Labels, gradient_growth

__all__ = ["BatchNormReport", "batch_norm_report"]

GAP = 0.25  #: in standard deviations; measured on settled statistics: 0.12 with 60 values per channel, 0.24 with 16
FEW_VALUES = 16  #: below, the mean of a batch is off by a quarter of a standard deviation and more
STALE_MEAN = 0.25  #: distance of the running from the population mean, in standard deviations
STALE_VAR = 1.5  #: ratio of running and population variance, either way


@dataclass
class Finding:
    """Something wrong with one layer, and the advice."""

    layer: str
    problem: str
    advice: str

    def __str__(self) -> str:
        return f"{self.layer}: {self.problem}. {self.advice}."


@dataclass
class LayerHealth:
    """The figures of one layer.

    Attributes
    ----------
    values : values per channel in the smallest and in the largest batch
    gap : mean difference of the normalized values between training and evaluation mode, in standard deviations
    mean_off : largest distance of the running mean from the population mean, in standard deviations
    var_ratio : largest ratio of running to population variance, or of population to running
    flat : number of channels whose variance is below eps
    """

    name: str
    values: tuple[int, int]
    gap: float
    mean_off: float
    var_ratio: float
    flat: int


@dataclass
class BatchNormReport:
    """What `batch_norm_report` found: figures for each layer, and findings. ``print(report)`` shows both."""

    layers: list[LayerHealth] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there is nothing to advise."""
        return not self.findings

    def __str__(self) -> str:
        width = max([5, *(len(layer.name) for layer in self.layers)])
        lines = [f"{'layer':{width}}  values/channel  train-eval gap  running mean off  running var ratio  flat channels"]
        for one in self.layers:
            low, high = one.values
            values = str(low) if low == high else f"{low} to {high}"
            row = f"{one.name:{width}}  {values:>14}  {one.gap:>11.3f} sd  {one.mean_off:>13.3f} sd  {one.var_ratio:>17.3f}  {one.flat:>13}"
            lines.append(row)
        return "\n".join([*lines, "", *(str(finding) for finding in self.findings)] if self.findings else [*lines, "", "nothing to advise"])


def batch_norm_report(model: Module, loader: Iterable[Any]) -> BatchNormReport:
    """Examine every batch norm layer of ``model`` on the batches of ``loader``.

    The model runs in evaluation mode and is not changed. What each layer would do in training is computed from the inputs
    that it sees there.

    Parameters
    ----------
    model
        A module.
    loader
        Yields batches: the input of the model, or a tuple or list that starts with it. Best the loader of the training.

    Raises
    ------
    ValueError
        If the model has no batch norm, or the loader is empty.
    """
    charts = {name: _Chart(name, layer) for name, layer in batch_norms(model)}
    if not charts:
        raise ValueError("batch_norm_report: the model has no batch norm")
    first, labels = None, Labels()
    hooks = [chart.layer.register_forward_pre_hook(chart.look) for chart in charts.values()]
    try:
        with modes_kept(model), changed_mode(recording=False):
            model.eval()
            for batch in loader:
                first = batch if first is None else first
                labels.see(batch)
                model(input_of(batch))
    finally:
        for hook in hooks:
            hook.remove()
    if first is None:
        raise ValueError("batch_norm_report: the loader is empty")
    report = BatchNormReport([chart.health() for chart in charts.values() if chart.counts])
    for chart in charts.values():
        report.findings += chart.findings()
    for layer_name, norm_name in pairs_by_example(model, first):
        if getattr(model.get_submodule(layer_name), "bias", None) is not None:
            problem = (
                f"the bias of {layer_name} has no effect, as the mean is subtracted (and Adam moves it all the same, by rounding noise)"
            )
            report.findings.append(Finding(norm_name, problem, "Make that layer with bias=False"))
    few = labels.sorted_classes()
    if few is not None:
        problem = f"its batches have {few[0]:.2g} classes on average, and would have {few[1]:.2g} by chance: the data is sorted"
        report.findings.append(Finding("the loader", problem, "Use shuffle=True: the statistics of a batch are those of its classes"))
    grown = gradient_growth(model, first)
    if grown is not None:
        problem = f"gradients grow {grown[0]:.2g} times from the last to the first of {grown[1]} batch norms"
        report.findings.append(Finding("the model", problem, "Add skip connections, or use another activation than ReLU, or fewer layers"))
    return report


class _Chart:
    """What is seen of one layer while the loader runs."""

    def __init__(self, name: str, layer: BatchNorm) -> None:
        self.name, self.layer = name, layer
        self.counts: list[int] = []  # values per channel, for each batch
        self.gaps: list[float] = []
        self.means: list[np.ndarray[Any, Any]] = []
        self.vars: list[np.ndarray[Any, Any]] = []

    def look(self, module: Module, args: tuple[Any, ...]) -> None:
        """See the input of the layer: a forward pre-hook."""
        layer, x = self.layer, args[0].data
        axes = (0, *range(2, x.ndim))
        m = x.size // layer.num_features
        normalized, mean, var = ops.batch_norm(x, axis=axes, eps=layer.eps)
        self.counts.append(m)
        self.means.append(to_host(mean).astype(np.float64))
        self.vars.append(to_host(var).astype(np.float64) * m / max(m - 1, 1))
        if layer.running_mean is not None and layer.running_var is not None:
            evaluated = ops.fixed_batch_norm(x, layer.running_mean.data, layer.running_var.data, axis=axes, eps=layer.eps)
            self.gaps.append(float(to_host(abs(normalized - evaluated).mean())))

    def health(self) -> LayerHealth:
        mean, var = np.mean(self.means, axis=0), np.mean(self.vars, axis=0)
        mean_off, var_ratio, layer = 0.0, 1.0, self.layer
        if layer.running_mean is not None and layer.running_var is not None:
            running_mean, running_var = (to_host(t.data).astype(np.float64) for t in (layer.running_mean, layer.running_var))
            mean_off = float((abs(running_mean - mean) / np.sqrt(var + layer.eps)).max(initial=0))
            ratio = (running_var + layer.eps) / (var + layer.eps)
            var_ratio = float(np.maximum(ratio, 1 / ratio).max(initial=1))
        gap = float(np.mean(self.gaps)) if self.gaps else 0.0
        return LayerHealth(self.name, (min(self.counts), max(self.counts)), gap, mean_off, var_ratio, int((var < layer.eps).sum()))

    def findings(self) -> list[Finding]:
        """Say what is wrong, each with what to do."""
        if not self.counts:
            return [self._say("the layer was not used", "Remove it, or look for the call that is missing")]
        health, layer, found = self.health(), self.layer, []
        small, last, most = health.values[0], self.counts[-1], max(self.counts)
        if small == 1:
            advice = "Use DataLoader(..., drop_last=True)" if last == 1 and most > 1 else "Use larger batches, or LayerNorm or GroupNorm"
            found.append(self._say("a batch has one value per channel, which is an error in training", advice))
        elif most < FEW_VALUES:
            advice = "Use larger batches, or GroupNorm or LayerNorm, which do not look across the batch"
            found.append(self._say(f"only {most} values per channel: the statistics of a batch are noise", advice))
        elif last < most and min(self.counts[:-1]) == most:
            advice = "Use DataLoader(..., drop_last=True)"
            found.append(self._say(f"a short last batch: {last} values per channel after {most}, and it counts like the others", advice))
        if layer.running_mean is None:
            found.append(self._say("no running statistics: evaluation depends on the batch", "Use track_running_stats=True"))
        elif layer.num_batches_tracked is not None and layer.num_batches_tracked.item() == 0:
            advice = "Train first, or call nn.population_statistics(model, loader)"
            found.append(self._say("the running statistics were never updated", advice))
        elif health.mean_off > STALE_MEAN or health.var_ratio > STALE_VAR:
            advice = "Call nn.population_statistics(model, loader), or make the momentum larger"
            off = f"the mean is off by up to {health.mean_off:.2g} sd, the variance by a factor of up to {health.var_ratio:.3g}"
            found.append(self._say(f"stale running statistics: {off}{self._unsettled()}", advice))
        elif health.gap > GAP:
            problem = f"training and evaluation differ by {health.gap:.2g} sd, though the running statistics are right"
            found.append(self._say(problem, "Use larger batches, or BatchRenorm"))
        if health.flat:
            advice = f"Their output is scaled down or noise: look for dead inputs, or make eps ({layer.eps:g}) smaller"
            found.append(self._say(f"{health.flat} of {layer.num_features} channels have a variance below eps", advice))
        return found

    def _unsettled(self) -> str:
        """Say how much of running statistics is still their start, where that is much."""
        momentum, tracked = self.layer.momentum, self.layer.num_batches_tracked
        if momentum is None or tracked is None:
            return ""
        n = int(tracked.item())
        left = (1 - momentum) ** n
        return f"; after {n} batches at momentum={momentum:g}, {left:.0%} of them is still their start" if left > 0.05 else ""

    def _say(self, problem: str, advice: str) -> Finding:
        return Finding(self.name, problem, advice)
