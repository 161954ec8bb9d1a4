"""The names of the experiments, in the order in which they are read."""

from __future__ import annotations

from importlib import import_module

from minigrad.lab.experiment import Experiment

#: of the files in experiments/, by chapter
CHAPTERS: dict[str, tuple[str, ...]] = {
    "Algebra": ("scale_invariance", "folding", "identity", "small_batches", "naive_normalization", "unbiased_variance"),
    "Speed": ("fig1", "fig1_rates", "speedup", "speedup_start", "step_cost", "lr_ladder", "keras_example", "harder"),
    "Depth and start": (
        "saturating", "saturating_start", "init_sweep", "xavier_temporary", "grad_flow", "forward_flow", "saturation",
    ),
    "Batches": ("batch_size", "cnn_norms", "bn_noise", "train_inference", "shuffling"),
    "Regularization": (
        "regularization", "regularization_hard", "weight_decay", "memorize", "lr_decay", "photometric",
    ),
    "Why it works": ("covariate_shift", "landscape", "spectrum", "normality", "whitening"),
    "Details": ("placement", "dead_bias", "eps_slip", "feature_scaling"),
}  # fmt: skip
NAMES: tuple[str, ...] = tuple(name for names in CHAPTERS.values() for name in names)

#: what is said, and cannot be decided here, with the reason
NOT_DECIDED = {
    "BN reached the state of the art on ImageNet (paper 4.2.3)": "needs ImageNet and an ensemble of large networks",
    "BN lets training escape local minima and saddle points": "no measure that would decide it is known to us",
    "at low rates the inputs of units drift less over 50,000 steps (paper, fig. 1 b, c)": "50,000 steps are no experiment of minutes",
    "a net without BN needs rates below 1e-4": "nobody says which net; lr_ladder shows plain nets that learn at 0.01 to 3",
}


class UnknownExperimentError(ValueError):
    """No experiment has this name."""


def load(name: str) -> Experiment:
    """Return the experiment of a name."""
    if name not in NAMES:
        raise UnknownExperimentError(f"there is no experiment {name!r}; minigrad lab list shows all {len(NAMES)}")
    experiment: Experiment = import_module(f"minigrad.lab.experiments.{name}").EXPERIMENT
    return experiment


def chosen(words: list[str]) -> list[str]:
    """Return the names that words stand for: names, ``all``, or ``exact`` for the claims of algebra."""
    found: list[str] = []
    for word in words:
        found += NAMES if word == "all" else [n for n in NAMES if load(n).exact] if word == "exact" else [word]
    for name in found:
        load(name)
    return list(dict.fromkeys(found))
