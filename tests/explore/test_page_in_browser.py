"""The page, the notebook's fragment and the widget in a real browser; `visit` fails a test on any request or script error."""

from __future__ import annotations

import base64
import json

import pytest
from support.traces import chain, cnn, reuse

import minigrad as mg

HOSTILE = "</script><img src=x onerror=alert(1)><!-- <script> \u2028 \"'`&lt;"


def explorer(tab):
    """Wait until the explorer of a page shows a graph."""
    tab.wait_for_selector("mg-explorer svg", state="attached")


def test_the_page_opens_from_a_file_and_shows_hostile_names_as_text(visit, tmp_path):
    x = mg.tensor([1.0, 2.0], requires_grad=True, name=HOSTILE)
    with mg.record(title=HOSTILE) as trace:
        (x * 2).sum().backward()  # </script><img src=x onerror=alert(2)>
    tab = visit(trace.explore(tmp_path / "hostile.html"))
    explorer(tab)
    assert tab.get_by_text("</script><img src").count()
    assert not tab.locator("img").count()
    assert tab.title() == HOSTILE


def test_the_keys_of_the_page_are_heard_at_once(visit, tmp_path):
    with mg.record() as trace:
        reuse().backward()
    tab = visit(trace.explore(tmp_path / "page.html"))
    explorer(tab)
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("document.querySelector('mg-explorer').step") == 1


def test_at_first_the_top_of_a_large_graph_is_whole_and_no_side_is_empty(visit, tmp_path):
    x = mg.tensor([[1.0, 2.0, 3.0]], requires_grad=True, name="x")
    with mg.record() as trace:
        y = x
        for _ in range(6):
            y = mg.nn.Sequential(mg.nn.Linear(3, 3), mg.nn.Tanh())(y) * x
        (slope,) = mg.grad(y.sum(), [x], create_graph=True)
        (slope * slope).sum().backward()
    tab = visit(trace.explore(tmp_path / "page.html"))
    explorer(tab)
    tab.locator("mg-explorer svg text").first.wait_for()
    stage = tab.locator("mg-explorer .stage").bounding_box()
    heading = tab.locator("mg-explorer svg").get_by_text("value", exact=True).first.bounding_box()
    assert heading["y"] >= stage["y"] + 8
    left = tab.locator("mg-explorer .stage svg text").evaluate_all("all => Math.min(...all.map(e => e.getBoundingClientRect().left))")
    assert left < stage["x"] + 60  # a margin, and what is left of the text in a box


def test_without_scripts_the_page_is_a_table(chromium, tmp_path):
    with mg.record() as trace:
        reuse().backward()
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(trace.explore(tmp_path / "page.html").as_uri())
    rows = tab.locator("tr").all_inner_texts()
    context.close()
    assert len(rows) == 1 + len(trace.document["nodes"])
    assert any("multiply" in row and "(2, 3)" in row for row in rows)


def test_page_notebook_and_text_show_the_same_trace(visit, tmp_path):
    with mg.record(title="A CNN") as trace:
        cnn()[1].backward()
    loss = f"{trace.document['nodes'][-1]['values'][0]['data'][0]:.4g}"
    assert f"loss = {loss}" in str(trace).replace("mean_cross_entropy#13", "loss")
    page = visit(trace.explore(tmp_path / "page.html"))
    notebook = visit(f"<!doctype html><meta charset='utf-8'><body>{trace._repr_html_()}{trace._repr_html_()}</body>")
    for tab in (page, notebook):
        explorer(tab)
        documents = tab.evaluate("[...document.querySelectorAll('mg-explorer')].map(e => JSON.stringify(e.trace))")
        assert [json.loads(text) for text in documents] == [trace.document] * len(documents)
    assert notebook.locator("mg-explorer").count() == 2


def test_the_page_for_5000_ops_opens(visit, tmp_path):
    with mg.record() as trace:
        chain(5000).backward()
    explorer(visit(trace.explore(tmp_path / "page.html")))


WIDGET = """<!doctype html><meta charset="utf-8"><div id="out"></div><script type="module">
const { default: widget } = await import("data:text/javascript;base64,CODE");
const state = STATE, heard = {};
const model = {
  get: (name) => state[name],
  set: (name, value) => { state[name] = value; },
  save_changes() {},
  on: (event, listener) => { heard[event] = listener; },
  off() {},
};
widget.render({ model, el: document.getElementById("out") });
window.state = state;
window.change = (name, value) => { state[name] = value; heard["change:" + name](); };
</script>"""


def test_the_widget_follows_its_model_and_the_model_the_widget(visit):
    """The module that a notebook loads, with a stand-in for the notebook's side of the model."""
    pytest.importorskip("anywidget")
    with mg.record() as trace:
        reuse().backward()
    widget = trace.widget()
    state = json.dumps({"trace": widget.trace, "step": 3}).replace("<", "\\u003c")
    tab = visit(WIDGET.replace("CODE", base64.b64encode(str(widget._esm).encode()).decode()).replace("STATE", state))
    explorer(tab)
    assert tab.evaluate("document.querySelector('mg-explorer').step") == 3
    tab.evaluate("change('step', 5)")
    assert tab.evaluate("document.querySelector('mg-explorer').step") == 5
    tab.locator("mg-explorer").press("ArrowRight")
    assert tab.evaluate("state.step") == 6
