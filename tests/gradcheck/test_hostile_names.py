"""Names and messages that are markup, scripts or control characters, through every report: shown, and never acted on."""

from __future__ import annotations

import html.parser
import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from rich.console import Console

from minigrad import gradcheck, op
from minigrad._printable import printable
from minigrad.gradcheck.report import document as documents, terminal
from minigrad.gradcheck.report.html import fragment, page
from minigrad.gradcheck.report.junit import to_junit

NAME = "[/]</script><!--<script>\x1b[31m\x00\ufffe\ud800[link=x]&amp;"


@pytest.fixture(scope="module")
def document():
    @op
    def wrong(xp, x):
        """2 x"""
        return 2 * x

    wrong.vjp(x=lambda g: g)
    found = documents.document_of(gradcheck(wrong, [np.ones(2)]))
    for case in found["cases"]:
        case["op"] = case["case"] = case["repro"] = NAME
        for check in case["checks"]:
            check["message"] = check["input"] = NAME
        case["diagnosis"] = [NAME]
    return found


def test_the_terminal(document, capsys):
    console = Console(force_terminal=False, width=300)
    with terminal.LiveTable(console, every_case=True) as table:
        for case in document["cases"]:
            table.add(case)
    terminal.print_failures(console, document)
    out = capsys.readouterr().out
    assert "[/]</script>" in out
    assert "[link=x]" in out
    assert "\x1b" not in out
    assert r"\x1b[31m\x00\ufffe\ud800" in out


def test_junit(document):
    root = ET.fromstring(to_junit(document))
    assert {case.get("name") for case in root.iter("testcase")} == {printable(NAME)}


class Scripts(html.parser.HTMLParser):
    """Collects the scripts of a page, as a browser separates them."""

    def __init__(self, text):
        super().__init__()
        self.found, self.inside = [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "script":
            self.inside, self.found = True, [*self.found, ""]

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "script"

    def handle_data(self, data):
        if self.inside:
            self.found[-1] += data


def test_html(document):
    text = page(document)
    assert text.count("<!--") == page({**document, "cases": []}).count("<!--")
    data, _ = Scripts(text).found
    assert json.loads(data)["cases"][0]["op"] == NAME
    assert "<script" not in fragment(document)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\n", "a\tb\n"),
        ("é 中 \U0001f600 \u00a0", "é 中 \U0001f600 \u00a0"),
        ("\x1b[0m", r"\x1b[0m"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\r", r"\r"),
    ],
)
def test_only_what_acts_is_written_out(text, shown):
    assert printable(text) == shown
