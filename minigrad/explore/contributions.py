"""Why a gradient is what it is: the contributions that it is the sum of, each with its formula and its place in the source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.tensor import Tensor
from minigrad.explore.trace import Trace, TraceError, trace_of
from minigrad.explore.values import FULL, place_of_element
from minigrad.explore.wording import in_brief, in_short, input_name, labels, norm, number, rule_for, shape


class Contribution(NamedTuple):
    """What one use of a tensor adds to its gradient."""

    to: str  #: the node that uses the tensor, and for which input
    formula: str  #: for the gradient of that input, in short
    place: str  #: where the source applies the op
    route: str  #: how the result goes on to what was differentiated, as far as there is one way
    number: int  #: of the backward pass
    value: dict[str, Any]  #: what is added, as the trace has it
    amount: float | None  #: of the element that was asked for


class Why:
    """The contributions to the gradient of a tensor; ``print`` it."""

    def __init__(self, name: str, contributions: list[Contribution], totals: dict[int, dict[str, Any]], at: tuple[int, ...] | None) -> None:
        self.name, self.contributions, self.totals, self.at = name, contributions, totals, at

    def __str__(self) -> str:
        return "\n\n".join(self._section(n, total) for n, total in self.totals.items())

    __repr__ = __str__

    def _section(self, n: int, total: dict[str, Any]) -> str:
        parts = [c for c in self.contributions if c.number == n]
        element = f"[{', '.join(map(str, self.at))}]" if self.at is not None else ""
        of_pass = f" in backward pass {n} of {len(self.totals)}" if len(self.totals) > 1 else ""
        known = None if self.at is None else sum(c.amount or 0.0 for c in parts)
        result = in_brief(total, 8) if known is None else f"{known:.9g}"
        what = "the sum of 1 contribution" if len(parts) == 1 else f"the sum of {len(parts)} contributions"
        lines = [f"{self.name}.grad{element} = {result}{of_pass}: {what}" + ("" if element else f", shape {shape(total)}")]
        for k, part in enumerate(parts, 1):
            amount = f"{part.amount:.9g}" if part.amount is not None else f"{in_brief(part.value, 8)}  ({_share(part.value, total)})"
            place = f"   {part.place}" if part.place else ""
            lines += ["", f"  {k}. {part.to}{place}", f"     {part.formula}", f"     {amount}"]
            lines += [f"     and on: {part.route}"] if part.route else []
        return "\n".join(lines)


def why(x: Tensor, *, at: Sequence[int] | int | None = None) -> Why:
    """Say where each part of a tensor's gradient came from: one contribution for every use of the tensor, adding up to it.

    Parameters
    ----------
    x
        A tensor that was used within ``with mg.record():``, through which a backward pass went there.
    at
        Index of one element, to see what adds up to that number.

    Returns
    -------
    Why
        To be printed; its ``contributions`` hold the numbers. Shares are the parts of the sum's square that the scalar products
        of the contributions with it make up: they add to 100 %, and a contribution that is taken back has a negative one.

    Raises
    ------
    TraceError
        If x was not recorded, no gradient reached it, or that element was not kept.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"why explains the gradient of a tensor, and this is a {type(x).__name__}")
    trace = trace_of(x)
    if trace is None:
        raise TraceError("this tensor was not recorded: run the forward and the backward pass within `with mg.record():`, then ask why")
    found = _why(trace, x, None if at is None else _index(x, at))
    if found is None:
        raise TraceError("no contribution to the gradient of this tensor was recorded: run backward within the block, too")
    return found


def _index(x: Tensor, at: Sequence[int] | int) -> tuple[int, ...]:
    index = (at,) if isinstance(at, int) else tuple(at)
    fits = len(index) == x.ndim and all(isinstance(i, int) and -n <= i < n for i, n in zip(index, x.shape, strict=False))
    if not fits:
        raise ValueError(f"why: at={at!r} is no index of an element of a tensor of shape {x.shape}")
    return tuple(i % n for i, n in zip(index, x.shape, strict=True))


def _why(trace: Trace, x: Tensor, at: tuple[int, ...] | None) -> Why | None:
    document, target = trace.document, trace.find(x)
    if target is None:
        return None
    node, names = document["nodes"][target["node"]], labels(document)
    users = _users(document)
    parts = []
    for step in document["backward"]:
        if step["to"] == target:
            user = document["nodes"][step["node"]]
            op, source = document["ops"][user["op"]], user["source"]
            rule = rule_for(op, step["slot"])
            parts.append(
                Contribution(
                    f"{names[user['id']]}, as its {input_name(op, step['slot'])}",
                    f"{in_short(rule)}, with g = d {names[user['id']]}",
                    f"{source['file']}:{source['line']}  {source['code']}" if source else "",
                    _route(user["id"], users, names),
                    step["pass"],
                    step["add"],
                    _amount(step["add"], at),
                )
            )
    totals = {g["pass"]: g["value"] for g in node["grads"] if g["output"] == target["output"]}
    totals = {n: total for n, total in totals.items() if any(part.number == n for part in parts)}
    return Why(names[node["id"]], parts, totals, at) if parts else None


def _amount(value: dict[str, Any], at: tuple[int, ...] | None) -> float | None:
    """Return one element of a value."""
    if at is None:
        return None
    k = place_of_element(value, at)
    if k is None:
        raise TraceError(f"element {list(at)} was not kept, as the array has more than {FULL} elements: record with full=True")
    return float(value["data"][k])


def _users(document: dict[str, Any]) -> dict[int, list[int]]:
    users = defaultdict(list)
    for node in document["nodes"]:
        for ref in node["inputs"]:
            if ref and "node" in ref and not node["pass"]:
                users[ref["node"]].append(node["id"])
    return users


def _route(start: int, users: dict[int, list[int]], names: list[str]) -> str:
    """Follow a value through those that use it, until there are several."""
    route: list[str] = []
    node = start
    while len(users[node]) == 1 and len(route) < 12:
        node = users[node][0]
        route.append(names[node])
    if len(users[node]) > 1:
        route.append(f"{len(users[node])} ways ({', '.join(names[k] for k in users[node])})")
    return ", ".join(route)


def _share(part: dict[str, Any], total: dict[str, Any]) -> str:
    a, b = (np.array([float(x) for x in value["data"]]) for value in (part, total))
    square = float(b @ b)
    return f"{100 * float(a @ b) / square:.1f} %" if 0 < square < np.inf else f"norm {number(norm(part))}"
