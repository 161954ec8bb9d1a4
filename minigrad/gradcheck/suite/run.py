"""The suite: every sample of every op and layer through `gradcheck`, the steps of optimizers, every mutant of every formula."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.core.op import OPS, Op
from minigrad.gradcheck.check import gradcheck
from minigrad.gradcheck.checks.conventions import convention_rows
from minigrad.gradcheck.checks.identities import identity_rows
from minigrad.gradcheck.checks.optimizers import OPTIMIZERS, optimizer_rows
from minigrad.gradcheck.checks.precision import device_rows
from minigrad.gradcheck.checks.refusals import refusal_rows
from minigrad.gradcheck.checks.variants import variant_rows
from minigrad.gradcheck.numerics.arguments import BadUse
from minigrad.gradcheck.numerics.row import FAIL
from minigrad.gradcheck.report.document import Document, case_of, new_document, summarize
from minigrad.gradcheck.result import Result
from minigrad.gradcheck.samples import Sample
from minigrad.gradcheck.samples.problems import family_of, op_names, problem_of, samples_of

if TYPE_CHECKING:
    from minigrad.gradcheck.samples.module_sample import ModuleSample

TAGS = {"norm": ("batch_normalization", "normalization"), "conv": ("convolution",), "pool": ("pooling",)}  #: short for families
QUICK_DIRECTIONS = 1
NOT_ON_A_DEVICE = ("transfer",)  #: ops whose result is on another device by definition
LAYER_DIRECTIONS = 2  #: layers are made of ops, which are checked element by element


@dataclass
class Options:
    """What to run, and how."""

    order: int = 2
    mode: str = "full"
    seed: int = 0
    device: str = "cpu"
    mutants: bool = False
    fail_fast: bool = False
    steps: bool = False  #: also compute error against step for every case, which only the reports show


@dataclass(frozen=True)
class Target:
    """Something to check: an op, or, where ``op`` is None, a layer (nn.NAME) or an optimizer (optim.NAME)."""

    name: str
    tag: str
    op: Op | None = None


def op_targets() -> list[Target]:
    """Return minigrad's own ops."""
    return [Target(name, family_of(OPS[name]), OPS[name]) for name in op_names()]


def layer_targets() -> list[Target]:
    """Return the layers and losses of `minigrad.nn`."""
    return [Target(f"nn.{name}", "nn") for name in sorted(layers())]


def layers() -> Mapping[str, Callable[[np.random.Generator], Iterator[ModuleSample]]]:
    """Return the samples of layers by name of the class; they are loaded here, when they are asked for, as they load all of nn."""
    from minigrad.gradcheck.samples.layers import LAYERS

    return LAYERS


def optimizer_targets() -> list[Target]:
    """Return the optimizers of `minigrad.optim` whose steps are checked."""
    return [Target(f"optim.{name}", "optim") for name in sorted(OPTIMIZERS)]


def every_target() -> list[Target]:
    """Return all there is to check."""
    return [*op_targets(), *layer_targets(), *optimizer_targets()]


def select(names: Iterable[str], tags: Iterable[str]) -> list[Target]:
    """Return the targets of these names and tags, in the order of `every_target`; all of them if there are neither.

    Raises
    ------
    BadUse
        If nothing is called so.
    """
    names, tags = list(names), list(tags)
    if not names and not tags:
        return every_target()
    families = {family for tag in tags for family in TAGS.get(tag, (tag,))}
    asked_for_layers = "nn" in families or any(name.startswith("nn.") for name in names)
    there = [*op_targets(), *(layer_targets() if asked_for_layers else []), *optimizer_targets()]
    _refuse_unknown(names, tags, there)
    return [target for target in there if target.name in names or target.tag in families]


def _refuse_unknown(names: list[str], tags: list[str], there: list[Target]) -> None:
    """Raise the error for the first name, else tag, that nothing among the targets ``there`` has."""
    for name in names:
        if all(target.name != name for target in there):
            near = difflib.get_close_matches(name, [target.name for target in every_target()], 3)
            hint = f"did you mean {' or '.join(near)}?" if near else "--list shows what there is"
            raise BadUse(f"there is no op, layer or optimizer called {name!r}; {hint}")
    for tag in tags:
        if all(target.tag not in TAGS.get(tag, (tag,)) for target in there):
            known = sorted({target.tag for target in every_target()} | set(TAGS))
            raise BadUse(f"there is no tag {tag!r}; there are {', '.join(known)}")


def run_suite(targets: Iterable[Target], options: Options, seen: Callable[[dict[str, Any]], None] = lambda case: None) -> Document:
    """Check the targets; ``seen`` is called with every case as it is done."""
    started = time.perf_counter()
    document = new_document(options.order, options.mode, options.seed)
    targets = list(targets)
    if options.device != "cpu":
        document["environment"]["devices"] = f"cpu, {options.device}"
    for target in targets:
        for case in cases_of(target, options):
            document["cases"].append(case)
            seen(case)
            if options.fail_fast and case["verdict"] == FAIL:
                summarize(document, time.perf_counter() - started)
                return document
    if options.mutants:
        from minigrad.gradcheck.mutants.score import mutation_score  # with all that makes mutants, which few runs ask for

        document["mutants"] = mutation_score({target.name: target.op for target in targets if target.op is not None})
    summarize(document, time.perf_counter() - started)
    return document


def cases_of(target: Target, options: Options) -> Iterator[dict[str, Any]]:
    """Yield the cases of one target."""
    if target.tag == "optim":
        yield case_of(check_optimizer(target.name, options.seed), target.name, target.tag, "steps of a small model")
        return
    if target.op is None:
        for layer in layers()[target.name.removeprefix("nn.")](np.random.default_rng(options.seed)):
            result = check_layer(layer, target.name, options)
            yield case_of(result, target.name, target.tag, repr(layer), steps=options.steps)
        return
    if options.device != "cpu" and target.name in NOT_ON_A_DEVICE:
        return
    samples = samples_of(target.name, options.seed)
    for sample in samples:
        result = check_sample(target.op, target.name, sample, options)
        yield case_of(result, target.name, target.tag, repr(sample), options.device, steps=options.steps)
    if options.device == "cpu":
        identities = [row for sample in samples for row in identity_rows(target.name, target.op, sample)]
        by_themselves = {
            "identities": identities,
            "conventions": convention_rows(target.name, target.op),
            "bad inputs": refusal_rows(target.name, target.op),
        }
        for what, rows in by_themselves.items():
            if rows:
                yield case_of(Result(target.name, rows), target.name, target.tag, what)


def check_sample(op: Op, name: str, sample: Sample, options: Options) -> Result:
    """Check one call of an op. An op without a derivative there passes if its call does."""
    problem = problem_of(op, sample)
    if not problem.wrt:
        started = time.perf_counter()
        op(*sample.args, **sample.params)
        return Result(name, [], seconds=time.perf_counter() - started)
    if options.device != "cpu":
        started = time.perf_counter()
        rows = device_rows(problem, options.device, np.random.default_rng(options.seed))
        return Result(name, rows, seconds=time.perf_counter() - started)
    quick = options.mode == "quick"
    function = partial(op, **sample.params)
    result = gradcheck(
        function,
        list(sample.args),
        wrt=problem.wrt,
        order=options.order,
        directions=QUICK_DIRECTIONS if quick else None,
        float32=not quick and sample.params.get("dtype") is None,
        name=name,
        seed=options.seed,
    )
    if not quick:
        started = time.perf_counter()
        result.rows += variant_rows(name, problem, np.random.default_rng(options.seed))
        result.seconds += time.perf_counter() - started
    return result


def check_optimizer(name: str, seed: int) -> Result:
    """Check the steps of one optimizer, called ``optim.NAME``."""
    started = time.perf_counter()
    rows = optimizer_rows(name.removeprefix("optim."), seed)
    return Result(name, rows, seed=seed, seconds=time.perf_counter() - started)


def check_layer(layer: ModuleSample, name: str, options: Options) -> Result:
    """Check one layer, its parameters included."""
    directions = QUICK_DIRECTIONS if options.mode == "quick" else LAYER_DIRECTIONS
    return gradcheck(layer.make(), list(layer.args), order=options.order, directions=directions, name=name, seed=options.seed)
