"""What optimizers and schedules take, and the sentences that say so where something else came."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from inspect import isgenerator
from reprlib import repr as shortened
from typing import Any

import numpy as np

from minigrad.core.tensor import Tensor


def listed(name: str, params: Any) -> list[Any]:
    """Return parameters, or groups of them, as a list; say what to pass in place of what gives none."""
    if hasattr(params, "parameters"):
        raise TypeError(f"{name}: params must be tensors, not the {type(params).__name__} itself: pass model.parameters()")
    if isinstance(params, (Tensor, Mapping, str)) or not isinstance(params, Iterable):
        group = isinstance(params, Mapping) and "params" in params
        instead = "a group goes into a list, [{'params': ...}]" if group else "pass model.parameters()"
        raise TypeError(f"{name}: params must be a list of tensors or of groups, not one {type(params).__name__}: {instead}")
    if isinstance(params, (set, frozenset)):
        raise TypeError(f"{name}: params is a set, which has no order, and the state of an optimizer is by order: pass a list")
    if isgenerator(params) and params.gi_frame is None:
        raise ValueError(f"{name}: params is used up, as a generator can be gone through once only: pass list(model.parameters())")
    return list(params)


def tensors(name: str, does: str, params: Any) -> list[Tensor]:
    """Return parameters as a list, after making sure that each is a tensor."""
    found = [params] if isinstance(params, Tensor) else listed(name, params)
    for i, p in enumerate(found):
        if not isinstance(p, Tensor):
            raise TypeError(f"{name} {does} tensors; number {i} is of type {type(p).__name__}: pass model.parameters()")
    return found


def check_options(name: str, *, betas: Any = (0.0, 0.0), **options: Any) -> None:
    """Refuse options that are negative or not finite, and betas that are not two numbers in [0, 1)."""
    for option, value in options.items():
        if not is_number(value) or not 0 <= value < math.inf:
            raise ValueError(f"{name}: {option} must be a number of at least 0, not {value!r}")
    pair = isinstance(betas, (tuple, list)) and len(betas) == 2
    if not pair or not all(is_number(beta) and 0 <= beta < 1 for beta in betas):
        raise ValueError(f"{name}: betas must be two numbers of at least 0 and below 1, such as (0.9, 0.999), not {betas!r}")


def check_share(name: str, argument: str, value: Any) -> None:
    """Refuse what is not a number from 0 to 1."""
    if not is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"{name}: {argument} must be from 0 to 1, not {value!r}")


def positive_integer(name: str, argument: str, value: Any) -> int:
    """Return an argument of a schedule after making sure that it is a positive integer."""
    if not _is_integer(value) or value <= 0:
        raise ValueError(f"{name}: {argument} must be a positive integer, not {value!r}")
    return int(value)


def check_milestones(name: str, milestones: Any) -> list[int]:
    """Return milestones as a list after making sure that they are counts of steps."""
    found: list[Any] = list(milestones) if isinstance(milestones, Iterable) else [None]
    if not all(_is_integer(m) and m >= 0 for m in found):
        raise ValueError(f"{name}: milestones must be integers of at least 0 in a list, not {milestones!r}")
    return found


def for_each_group(name: str, argument: str, value: Any, groups: int) -> list[Any]:
    """Return one number for all groups, or a list with one for each, as such a list."""
    values = list(value) if isinstance(value, (list, tuple)) else [value] * groups
    if len(values) != groups:
        raise ValueError(f"{name}: {len(values)} values of {argument} for {groups} parameter groups")
    for one in values:
        check_options(name, **{argument: one})
    return values


def check_state(name: str, source: str, state: Any, keys: Iterable[str]) -> None:
    """Refuse what is no state of an optimizer, a schedule or the like: a dict with these keys."""
    if isinstance(state, Mapping) and all(key in state for key in keys):
        return
    came = f"a {type(state).__name__}"
    if isinstance(state, Mapping):
        first = [repr(key) for key in state][:2]
        came += f" with {', '.join(first) if first else 'nothing in it'}"
    hint = "; a model's is loaded with model.load_state_dict" if isinstance(state, Mapping) and _holds_tensors(state) else ""
    expected = f"{source}.state_dict() returned, with {' and '.join(map(repr, keys))}"
    raise (ValueError if isinstance(state, Mapping) else TypeError)(f"{name}: load_state_dict takes what {expected}, not {came}{hint}")


#: what groups of PyTorch's optimizers hold beside the options here
ELSEWHERE = {
    "params", "param_names", "initial_lr", "foreach", "fused", "capturable", "differentiable", "maximize", "decoupled_weight_decay",
}  # fmt: skip


def check_optimizer_state(name: str, state: Any, options: Mapping[str, Any]) -> None:
    """Refuse what `Optimizer.state_dict` cannot have returned, or that of an optimizer with other options."""
    check_state(name, "optimizer", state, ("state", "param_groups"))
    groups, states = state["param_groups"], state["state"]
    if not isinstance(groups, (list, tuple)) or not all(isinstance(g, Mapping) and "params" in g for g in groups):
        raise ValueError(f"{name}: 'param_groups' of a state must be a list of dicts with 'params', not {shortened(groups)}")
    numbered = isinstance(states, Mapping) and all(str(i).isdecimal() and isinstance(s, Mapping) for i, s in states.items())
    if not numbered:
        raise ValueError(f"{name}: 'state' of a state must be a dict with a dict for each number of a parameter, not {shortened(states)}")
    others = sorted({option for group in groups for option in group} - options.keys() - ELSEWHERE)
    if others:
        raise ValueError(f"{name}: the state is of another optimizer, whose options are {', '.join(others)}")


def taken_over(mine: dict[str, Any], saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return a group with the saved options; JSON made lists of tuples, and other optimizers' options are passed over."""
    known = {k: tuple(v) if isinstance(mine.get(k), tuple) else v for k, v in saved.items() if k in mine or k == "initial_lr"}
    return {**mine, **known, "params": mine["params"]}


def is_number(value: Any) -> bool:
    """Tell whether ``value`` is a real number, of Python or NumPy."""
    return isinstance(value, (int, float, np.integer, np.floating))


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _holds_tensors(state: Mapping[Any, Any]) -> bool:
    return any(hasattr(value, "shape") for value in state.values())
