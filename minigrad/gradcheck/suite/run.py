"""The suite: every sample of every op and layer through `gradcheck`, the steps of optimizers, every mutant of every formula."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from minigrad.gradcheck.check import gradcheck
from minigrad.gradcheck.checks.backward import BadUse
from minigrad.gradcheck.checks.conventions import convention_rows
from minigrad.gradcheck.checks.identities import identity_rows
from minigrad.gradcheck.checks.optimizers import OPTIMIZERS, check_optimizer
from minigrad.gradcheck.checks.precision import device_rows
from minigrad.gradcheck.checks.refusals import refusal_rows
from minigrad.gradcheck.checks.variants import variant_rows
from minigrad.gradcheck.mutants.runner import EQUIVALENT, KILLED, SURVIVED, Judge
from minigrad.gradcheck.report.document import Document, case_of, new_document, summarize
from minigrad.gradcheck.result import FAIL, Result
from minigrad.gradcheck.samples import Sample, all_samples
from minigrad.gradcheck.samples.module_sample import MODULES, ModuleSample, module_samples
from minigrad.gradcheck.samples.problems import problem_of, samples_of
from minigrad.op import OPS, Op

TAGS = {"norm": ("batch_norm", "normalization"), "conv": ("convolution",), "pool": ("pooling",)}  #: short for families
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
    found = [(name, op) for name, op in sorted(OPS.items()) if op.__module__.startswith("minigrad.")]
    return [Target(name, op.__module__.rpartition(".")[2], op) for name, op in found]


def module_targets() -> list[Target]:
    """Return the layers and losses of `minigrad.nn`."""
    module_samples()
    return [Target(f"nn.{name}", "nn") for name in sorted(MODULES)]


def optimizer_targets() -> list[Target]:
    """Return the optimizers of `minigrad.optim` whose steps are checked."""
    return [Target(f"optim.{name}", "optim") for name in sorted(OPTIMIZERS)]


def every_target() -> list[Target]:
    """Return all there is to check."""
    return [*op_targets(), *module_targets(), *optimizer_targets()]


def select(names: Iterable[str], tags: Iterable[str]) -> list[Target]:
    """Return the targets of these names and tags; all of them if there are neither.

    Raises
    ------
    BadUse
        If nothing is called so.
    """
    import difflib

    everything = every_target()
    names, tags = list(names), list(tags)
    known = {target.name: target for target in everything}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 3)
            hint = f"did you mean {' or '.join(near)}?" if near else "--list shows what there is"
            raise BadUse(f"there is no op, layer or optimizer called {name!r}; {hint}")
    families = {family for tag in tags for family in TAGS.get(tag, (tag,))}
    for tag in tags:
        if not any(target.tag in TAGS.get(tag, (tag,)) for target in everything):
            there = sorted({target.tag for target in everything} | set(TAGS))
            raise BadUse(f"there is no tag {tag!r}; there are {', '.join(there)}")
    if not names and not tags:
        return everything
    return [target for target in everything if target.name in names or target.tag in families]


def run(targets: Iterable[Target], options: Options, seen: Callable[[dict[str, Any]], None] = lambda case: None) -> Document:
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
        document["mutants"] = mutants(target for target in targets if target.op is not None)
    summarize(document, time.perf_counter() - started)
    return document


def cases_of(target: Target, options: Options) -> Iterator[dict[str, Any]]:
    """Yield the cases of one target."""
    if target.tag == "optim":
        yield case_of(check_optimizer(target.name.removeprefix("optim."), options.seed), target.name, target.tag, "steps of a small model")
        return
    if target.op is None:
        for layer in MODULES[target.name.removeprefix("nn.")](np.random.default_rng(options.seed)):
            result = check_module(layer, target.name, options)
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


def check_module(layer: ModuleSample, name: str, options: Options) -> Result:
    """Check one layer, its parameters included."""
    directions = QUICK_DIRECTIONS if options.mode == "quick" else LAYER_DIRECTIONS
    return gradcheck(layer.make(), list(layer.args), order=options.order, directions=directions, name=name, seed=options.seed)


def mutants(targets: Iterable[Target]) -> dict[str, Any]:
    """Try every mutant of every formula of the targets; return the entry of the document."""
    from minigrad.gradcheck.mutants.equivalence import reason_for
    from minigrad.gradcheck.mutants.planted import planted_in

    counts = dict.fromkeys(("total", KILLED, "crashed", EQUIVALENT, SURVIVED), 0)
    by_op: dict[str, dict[str, int]] = {}
    listed = []
    for target in targets:
        assert target.op is not None
        mine = by_op[target.name] = dict.fromkeys(counts, 0)
        judge = Judge(target.op, target.name)
        for index, mutant in (*judge.mutants(), *planted_in(target.op)):
            outcome = judge.verdict(index, mutant)
            reason = ""
            if outcome == EQUIVALENT:
                reason = reason_for(judge, index, mutant)
                outcome = EQUIVALENT if reason else SURVIVED
            mine["total"] += 1
            mine[outcome] += 1
            if outcome in (EQUIVALENT, SURVIVED):
                inputs = ", ".join(target.op.formulas[index].inputs)
                entry = {"op": target.name, "input": inputs, "where": mutant.where, "change": mutant.change}
                listed.append({**entry, "outcome": outcome, "reason": reason})
        for key, value in mine.items():
            counts[key] += value
    return {**counts, "ops": by_op, "list": listed}


def names_with_samples() -> set[str]:
    """Return what can be checked by name."""
    return set(all_samples())
