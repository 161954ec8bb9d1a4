"""An explanation of an op, as text and as HTML: its declaration, what follows from it, and its derivation."""

from __future__ import annotations

import difflib
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from minigrad.core.op import OPS, Op
from minigrad.explanations.derivation import Derivation, Line, derivation_of
from minigrad.explanations.facts import corners, kept, rules, samples
from minigrad.explanations.mathml import mathml
from minigrad.explore.formulas import code_of

WIDTH = 118
SAMPLES = 6  #: as many are listed
PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
html{{color-scheme:light dark}}
body{{max-width:60rem;margin:2rem auto;padding:0 1rem;font:15px/1.5 system-ui,sans-serif}}
</style>
{body}
</html>
"""


@dataclass
class Explanation:
    """What is to be said of an op. ``str()`` is the text, ``html()`` a page; notebooks show the latter."""

    op: Op
    derivation: Derivation | None

    @property
    def holds(self) -> bool:
        """Whether every line of the derivation holds; True where there is none."""
        return self.derivation is None or self.derivation.holds

    def line(self, number: int) -> str:
        """Return claim ``number`` of the derivation, with its error.

        Raises
        ------
        LookupError
            If there is no such claim.
        """
        claims = [] if self.derivation is None else self.derivation.claims
        if not 1 <= number <= len(claims):
            there = f"its lines are 1 to {len(claims)}" if claims else "it has no derivation"
            raise LookupError(f"{self.op.name} has no line {number}: {there}")
        return "\n".join(_in_text(claims[number - 1]))

    def __str__(self) -> str:
        parts = []
        for title, lines in self._sections():
            parts.append("\n".join([f"## {title}", *lines]))
        return "\n\n".join([f"# {self.op.signature()}", *parts, *self._derived()])

    def _sections(self) -> Iterator[tuple[str, list[str]]]:
        """The parts that follow from the declaration: title, lines."""
        op = self.op
        yield "What it computes", inspect.cleandoc(op.__doc__ or "").splitlines()
        yield "As it is written", _indented(code_of(op.forward) or "(its source is not at hand)")
        for rule in rules(op):
            title = f"The gradient for {', '.join(rule.inputs)}, which saves {', '.join(rule.saves) or 'nothing'}"
            yield title, _indented(rule.code or "(its source is not at hand)")
        reasons = [f"{name}: {'zero' if name in op.zeros else 'none'}, as {reason}" for name, reason in op.reasons.items()]
        if reasons:
            yield "Without a gradient", reasons
        bent = [f"at {c.at}: {c.gradient:g}; the slopes are {c.left:.4g} on the left, {c.right:.4g} on the right" for c in corners(op)]
        if bent:
            yield "The gradient where there is no derivative (looked at in steps of 1/2)", bent
        yield from self._of_samples()

    def _of_samples(self) -> Iterator[tuple[str, list[str]]]:
        calls = samples(self.op)
        if not calls:
            return
        with np.errstate(all="ignore"):
            memory = [f"{k.name}: {k.bytes} bytes, of shape {k.shape}" for k in kept(self.op, calls[0])]
        yield f"What the graph keeps of {self.op.name}{calls[0]}", memory or ["nothing"]
        more = [f"and {len(calls) - SAMPLES} more"] if len(calls) > SAMPLES else []
        yield "What gradcheck tries", [*(f"{self.op.name}{call}" for call in calls[:SAMPLES]), *more]

    def _derived(self) -> list[str]:
        if self.derivation is None:
            return []
        lines = [text for line in self.derivation.lines for text in _in_text(line)]
        return ["## The derivation: every line was run", "\n".join(lines), self._verdict()]

    def _verdict(self) -> str:
        claims = [] if self.derivation is None else self.derivation.claims
        return f"{sum(line.holds for line in claims)} of {len(claims)} lines hold"

    def html(self) -> str:
        """Return a page that needs nothing but a browser."""
        return PAGE.format(title=escape(f"minigrad: {self.op.name}"), body=self._repr_html_())

    def _repr_html_(self) -> str:
        parts = [f"<h1><code>{escape(self.op.signature())}</code></h1>"]
        for title, lines in self._sections():
            parts.append(f'<h2>{escape(title)}</h2>\n<pre style="overflow:auto">{escape(textwrap.dedent(chr(10).join(lines)))}</pre>')
        if self.derivation is not None:
            parts += ["<h2>The derivation: every line was run</h2>", *map(_in_html, self.derivation.lines), f"<p>{self._verdict()}</p>"]
        return "\n".join(parts)


def explain(op: Op | str) -> Explanation:
    """Explain an op: how it is called, its formulas as written, what they save, where it has no derivative, and its derivation.

    Seven ops have a derivation (exp, matmul, softmax, softmax_cross_entropy, convolution, layer_norm, batch_norm). Its lines are
    expressions that are evaluated when the explanation is made, each with its error.

    Parameters
    ----------
    op
        An op, one of a user's too, or the name of one.

    Returns
    -------
    Explanation
        Print it; a notebook shows it as HTML with formulas.

    Raises
    ------
    LookupError
        If there is no op of that name.
    TypeError
        If it is neither an op nor a name.
    """
    if isinstance(op, str):
        found = OPS.get(op)
        if found is None:
            near = difflib.get_close_matches(op, OPS, 3)
            raise LookupError(f"there is no op {op!r}; " + (f"near are {', '.join(near)}" if near else "minigrad gradcheck --list has all"))
        op = found
    if not isinstance(op, Op):
        raise TypeError(f"explain takes an op or its name, and this is a {type(op).__name__}; mg.OPS has all ops")
    return Explanation(op, derivation_of(op.name) if OPS.get(op.name) is op else None)


def _indented(code: str) -> list[str]:
    return textwrap.indent(code, "    ").splitlines()


def _shown(value: Any) -> str:
    """A value, with four digits."""
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    return np.array2string(value, precision=4) if isinstance(value, np.ndarray) else str(value)


def _in_text(line: Line) -> list[str]:
    kind, parts = line.kind, line.parts
    if kind == "heading":
        return ["", f"### {parts[0]}"]
    if kind == "text":
        return textwrap.wrap(parts[0], WIDTH)
    if kind == "=":
        return [f"      {parts[0]} = {parts[1]}"]
    if kind == "?":
        verdict = "ok" if line.holds else "WRONG"
        return [f"{line.number:4d}  {verdict} {line.error:.1e}  {parts[0]}", f"          {parts[1]}", f"        = {parts[2]}"]
    return [f"      {parts[0]}: {_shown(line.value) or 'gradcheck does not notice'}"]


def _in_html(line: Line) -> str:
    kind, parts = line.kind, line.parts
    if kind == "heading":
        return f"<h3>{escape(parts[0])}</h3>"
    if kind == "text":
        return f"<p>{escape(parts[0])}</p>"
    if kind == "=":
        return f"<p><math><mi>{escape(parts[0])}</mi><mo>=</mo></math> {mathml(parts[1])}</p>"
    if kind == "?":
        verdict = "holds" if line.holds else "<b>is wrong</b>"
        both = f"{mathml(parts[1])} <math><mo>=</mo></math> {mathml(parts[2])}"
        words = f"{line.number}. {escape(parts[0])}"
        return f'<p id="line-{line.number}">{words}<br>{both}<br><small>{verdict}, error {line.error:.1e}</small></p>'
    return f"<p>{escape(parts[0])}: <b>{escape(_shown(line.value) or 'gradcheck does not notice')}</b></p>"
