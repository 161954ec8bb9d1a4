"""The page: one file that asks nobody for anything, in which what a user wrote is only text."""

from __future__ import annotations

import base64
import gzip
import json
import re
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.traces import chain, cnn, reuse

import minigrad as mg
from minigrad.explore import Trace, TraceError
from minigrad.explore.page import bundle, page_of

HOSTILE = "</script><img src=x onerror=alert(1)><!-- <script> \u2028 \"'`&lt;"

EXPECTED = {"html", "meta", "title", "style", "main", "mg-explorer", "table", "caption", "tr", "th", "td", "script"}


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text of the scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.lasttag = ""

    def handle_data(self, data):
        if self.lasttag == "script" and self.scripts:
            self.scripts[-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def carried(text: str) -> dict:
    """The trace that a page carries."""
    page = Elements(text)
    script = next(attributes for attributes in page.all("script") if attributes.get("id"))
    data = page.scripts[page.all("script").index(script)]
    return json.loads(gzip.decompress(base64.b64decode(data)) if script.get("data-encoding") == "gzip" else data)


@pytest.fixture
def hostile(tmp_path):
    """A trace whose names, title, file and code are made to break out of the page."""
    x = mg.tensor([1.0, 2.0], requires_grad=True, name=HOSTILE)
    file = tmp_path / "<img src=x onerror=alert(3)>.py"
    file.write_text(f"y = (x * 2).sum()  # {HOSTILE}\ny.backward()\n")
    with mg.record(title=HOSTILE) as trace:
        exec(compile(file.read_bytes(), str(file), "exec"), {"x": x})
    return trace


def test_what_a_user_wrote_is_only_text(hostile, tmp_path):
    text = hostile.explore(tmp_path / "page.html").read_text()
    page = Elements(text)
    assert {tag for tag, _ in page.found} <= EXPECTED
    assert len(page.all("script")) == 2
    assert not [key for _, attributes in page.found for key in attributes if key.startswith("on")]
    assert carried(text) == hostile.document
    assert HOSTILE in json.dumps(carried(text), ensure_ascii=False).replace('\\"', '"')
    fragment = Elements(hostile._repr_html_())
    assert not {tag for tag, _ in fragment.found} & {"img", "iframe", "object", "embed", "link"}
    assert len(fragment.all("script")) == 2


def test_the_policy_forbids_every_request_and_allows_the_bundle_and_what_unpacks_it(hostile):
    page = Elements(page_of(hostile.document))
    (policy,) = [attributes["content"] for attributes in page.all("meta") if attributes.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    loader = page.scripts[-1]
    packed = loader.split('"')[1]
    digests = [base64.b64encode(sha256(script.encode()).digest()).decode() for script in (loader, bundle())]
    assert gzip.decompress(base64.b64decode(packed)).decode() == bundle()
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == " ".join(f"'sha256-{digest}'" for digest in digests)
    assert not set(rules) - {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}


def test_no_address_is_in_the_page():
    with mg.record() as trace:
        cnn()[1].backward()
    assert set(re.findall(r"https?://[^\s\"'<>)]+", page_of(trace.document))) <= {"http://www.w3.org/2000/svg"}


def test_a_large_trace_is_compressed_and_a_page_is_deterministic():
    pages = []
    for _ in range(2):
        with mg.record() as trace:
            chain(100).backward()
        pages.append(page_of(trace.document))
    assert pages[0] == pages[1]
    assert 'data-encoding="gzip"' in pages[0]
    assert carried(pages[0]) == trace.document


@pytest.mark.parametrize(("ops", "most"), [(50, 100e3), (5000, 2e6)])
def test_the_size_of_the_page(ops, most):
    with mg.record() as trace:
        chain(ops).backward()
    assert len(page_of(trace.document).encode()) < most


def test_the_source_can_be_left_out_and_paths_tell_nothing(tmp_path):
    @mg.op
    def secret(xp, x):
        """x."""
        return xp.array(x)  # a secret formula

    secret.vjp(x=lambda g: g * 1)
    x = mg.tensor([1.0], requires_grad=True)
    with mg.record() as trace:
        y = secret(x).sum() * 1  # a secret line
        y.backward()
    open_page = json.dumps(carried(y.explore(tmp_path / "open.html").read_text()))
    assert "a secret line" in open_page
    assert "a secret formula" in open_page
    assert str(Path(__file__).parent) not in open_page
    assert str(Path.home()) not in open_page.replace(json.dumps(str(Path(__file__)))[1:-1], "")
    closed = json.dumps(carried(trace.explore(tmp_path / "closed.html", source=False).read_text()))
    for text in ("secret line", "secret formula", "g * 1", "test_page"):
        assert text not in closed
    assert "return a * b" in closed, "the formulas of minigrad stay"
    assert Trace.from_json(closed).to_json() == json.dumps(json.loads(closed), separators=(",", ":"))


def test_explore_without_a_record_runs_backward_and_touches_nothing(tmp_path):
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = (x.exp() * x).sum()
    found = carried(y.explore(tmp_path / "page.html").read_text())
    assert len(found["passes"]) == 1
    assert x.grad is None
    y.backward()


def test_what_cannot_be_shown_is_one_sentence(tmp_path):
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TraceError, match=r"starts at a tensor of one element, and this one has shape \(2,\): take its .sum\(\)"):
        (x * 2).explore(tmp_path / "page.html")
    with pytest.raises(TraceError, match="depends on nothing that requires a gradient"):
        x.detach().explore(tmp_path / "page.html")
    with pytest.raises(FileNotFoundError, match=r"^cannot write /nowhere/page\.html: No such file or directory$"):
        reuse().explore("/nowhere/page.html")
    assert not list(tmp_path.iterdir())


def test_the_widget_carries_the_trace_and_the_bundle():
    pytest.importorskip("anywidget")
    with mg.record() as trace:
        reuse().backward()
    widget = trace.widget()
    assert json.loads(widget.trace) == trace.document
    assert str(widget._esm) == bundle()
    assert widget.step == 0


def test_without_anywidget_the_extra_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "anywidget", None)
    with mg.record() as trace:
        reuse().backward()
    with pytest.raises(ImportError, match=r"pip install 'minigrad\[notebook\]'"):
        trace.widget()
