"""The explorer in a real browser, with real traces, under a policy that allows its own script and nothing else, no style either."""

import base64
import gzip
import hashlib
import json
from importlib.resources import files

import numpy as np
import pytest
from support.traces import chain, cnn, reuse, transformer

import minigrad as mg
from minigrad import nn
from minigrad.explore import record
from minigrad.nn import functional as F

BUNDLE = (files("minigrad.explore") / "explorer.js").read_text(encoding="utf-8")


def page_of(document, *, attributes="", packed=False, name="trace"):
    """The element, a trace, the script, and the strictest policy under which a script runs at all."""
    digest = base64.b64encode(hashlib.sha256(BUNDLE.encode()).digest()).decode()
    text = document if isinstance(document, str) else json.dumps(document)
    kind, data = 'type="application/json"', text.replace("<", "\\u003c")
    if packed:
        kind, data = 'type="text/plain" data-encoding="gzip"', base64.b64encode(gzip.compress(text.encode())).decode()
    return f"""<!doctype html><html lang="en"><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'sha256-{digest}'">
<mg-explorer for="{name}" {attributes}></mg-explorer><script {kind} id="trace">{data}</script>
<script type="module">{BUNDLE}</script></html>"""


def recorded(compute, *, check=0):
    """The trace of a computation of the tests, forward and backward."""
    with record(check=check, title=compute.__name__) as trace:
        result = compute()
        (result[1] if isinstance(result, tuple) else result).backward()
    return trace


def reused():
    return recorded(reuse, check=16)


def images():
    return recorded(cnn)


def tokens():
    return recorded(transformer)


def digits():
    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16, bias=False), nn.BatchNorm1d(16), nn.Sigmoid(), nn.Linear(16, 10))
    inputs, labels = mg.random.normal((12, 8)), mg.tensor(np.arange(12) % 10)
    with record(check=4, title="Batch norm") as trace:
        F.cross_entropy(model(inputs), labels).backward()
    return trace


def second_order():
    x = mg.tensor([0.5, -1.0, 2.0], requires_grad=True)
    with record(check=3, title="Second derivative") as trace:
        (slope,) = mg.grad((x**3).sum(), x, create_graph=True)
        (slope * slope).sum().backward()
    return trace


def not_finite():
    x = mg.tensor([1.0, 0.0, -1.0], requires_grad=True)
    with record(title="NaN") as trace, np.errstate(all="ignore"):
        (mg.log(x) * 2).sum().backward()
    return trace


def corners():
    empty = mg.zeros((0, 3), requires_grad=True)
    number, one = mg.tensor(2.0, requires_grad=True), mg.tensor([[3.0]], requires_grad=True)
    with record(title="Empty, 0-d, one") as trace:
        (empty.sum() + number * one.sum()).backward()
    return trace


def forward_only():
    with record(title="Forward only") as trace:
        mg.exp(mg.tensor([1.0, 2.0], requires_grad=True))
    return trace


TRACES = [reused, digits, images, tokens, second_order, not_finite, corners, forward_only]


@pytest.fixture
def explore(visit):
    """Open the explorer on a trace."""

    def opened(trace, **options):
        attributes, packed = options.pop("attributes", ""), options.pop("packed", False)
        page = visit(page_of(trace.document, attributes=attributes, packed=packed), **options)
        page.locator("mg-explorer .player").wait_for()
        page.locator("mg-explorer").focus()
        return page

    return opened


def slider(page):
    track = page.get_by_role("slider", name="Step")
    return int(track.get_attribute("aria-valuenow")), int(track.get_attribute("aria-valuemax"))


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def item(page, node):
    return page.locator(f'mg-explorer .item[data-key="{node}"]')


def node_named(trace, name):
    return next(node["id"] for node in trace.document["nodes"] if node["name"] == name)


@pytest.mark.parametrize("make", TRACES)
def test_every_step_forth_and_back_is_shown_without_an_error(explore, make):
    trace = make()
    page = explore(trace, packed=True)
    _, steps = slider(page)
    document = trace.document
    made = sum(node["kind"] == "op" and node["pass"] == 0 for node in document["nodes"])
    assert steps == made + len(document["passes"]) + len(document["backward"])
    for _ in range(steps):
        press(page, "ArrowRight")
        assert page.locator("mg-explorer .panel h2").inner_text()
    assert slider(page) == (steps, steps)
    for _ in range(steps):
        press(page, "ArrowLeft")
    assert slider(page)[0] == 0


@pytest.mark.parametrize("make", TRACES)
def test_the_sums_of_the_page_are_the_gradients(explore, make):
    trace = make()
    page = explore(trace)
    sums = page.locator("mg-explorer").evaluate(
        """(element) => {
          const { trace } = element.app.session;
          const read = (value) => value && [...value.data].map((x) => Number({ nan: NaN, inf: Infinity, "-inf": -Infinity }[x] ?? x));
          return trace.nodes.flatMap((node) => node.grads.filter(() => !node.hooks).map(({ pass, output, value }) =>
            [read(value), read(trace.sum({ node: node.id, output }, pass))]));
        }"""
    )
    assert bool(sums) == bool(trace.document["passes"])
    for gradient, total in sums:
        np.testing.assert_allclose(np.array(total, float), np.array(gradient, float), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("make", TRACES)
def test_the_page_that_users_get_opens_and_steps(visit, make, tmp_path):
    page = visit(make().explore(tmp_path / "page.html"))
    page.locator("mg-explorer .player").wait_for()
    page.locator("mg-explorer").focus()
    press(page, "ArrowRight", "ArrowRight", "ArrowRight")
    assert slider(page)[0] == min(3, slider(page)[1])
    assert page.locator("mg-explorer").evaluate("(element) => element.clientHeight") == 800


def test_a_graph_that_was_not_recorded_is_shown_without_its_values(visit, tmp_path):
    x = mg.tensor([[1.0, 2.0]], requires_grad=True, name="x")
    page = visit((mg.exp(x) * x).sum().explore(tmp_path / "page.html"))
    page.locator("mg-explorer .player").wait_for()
    page.locator("mg-explorer").focus()
    for _ in range(slider(page)[1]):
        press(page, "ArrowRight")
    item(page, 2).click()
    assert "not recorded" in page.locator("mg-explorer .panel").inner_text()


def test_two_explorers_in_one_notebook_do_not_disturb_each_other(visit):
    cells = [f"<section>{make()._repr_html_()}</section>" for make in (reused, second_order)]
    page = visit(f"<!doctype html><meta charset='utf-8'>{''.join(cells)}")
    page.locator("mg-explorer .player").last.wait_for()
    assert page.locator("mg-explorer h1").all_inner_texts() == ["reuse", "Second derivative"]
    page.locator("mg-explorer").last.focus()
    press(page, "ArrowRight")
    steps = [page.get_by_role("slider", name="Step").nth(k).get_attribute("aria-valuenow") for k in (0, 1)]
    assert steps == ["0", "1"]
    rings = page.locator("mg-explorer").evaluate_all("all => all.map((one) => getComputedStyle(one).outlineStyle)")
    assert rings == ["none", "solid"], "one sees which of them hears the keys"


def test_a_forward_step_shows_the_line_the_formula_and_its_numbers(explore):
    page = explore(reused())
    press(page, "ArrowRight")
    panel = page.locator("mg-explorer .panel")
    assert panel.locator("h2").inner_text() == "multiply"
    assert "x * w" in panel.locator(".source .here").inner_text()
    assert "a * b" in panel.locator(".code").first.inner_text()
    assert panel.locator(".numbers").inner_text().endswith("1 * 0.3 = 0.3")
    assert "forward" in item(page, 2).get_attribute("class")


def test_a_backward_step_shows_what_arrives_in_a_sum(explore):
    trace = reused()
    page = explore(trace)
    h = node_named(trace, "h")
    positions = [k for k, step in enumerate(trace.document["backward"]) if step["to"]["node"] == h]
    press(page, *["ArrowRight"] * (5 + 1 + positions[1] + 1))
    panel = page.locator("mg-explorer .panel")
    assert "The sum for h: 2 of 2 paths" in panel.inner_text()
    assert panel.locator(".bar .came").count() == 2
    assert "sum before" in panel.inner_text()
    assert "target" in item(page, h).get_attribute("class")


def test_memory_is_held_and_freed(explore):
    page = explore(reused())
    memory = page.locator("mg-explorer .memory")
    press(page, *["ArrowRight"] * 5)
    assert memory.inner_text() == "96 B held for backward, 96 B at most"
    press(page, "End")
    assert memory.inner_text().startswith("0 B held")


def test_an_element_is_followed_with_its_finite_difference(explore):
    trace = reused()
    page = explore(trace)
    press(page, "End")
    item(page, 0).click()
    page.locator("mg-explorer .digits button").nth(1).click()
    followed = page.locator("mg-explorer aside")
    assert "x[0, 1] = −2" in followed.inner_text()
    assert "finite difference" in followed.inner_text()
    assert "∂/∂ x[0, 1] = −0.1444" in followed.inner_text()
    assert "dim" in item(page, 1).get_attribute("class")
    press(page, "Escape", "Escape")
    assert followed.count() == 0


def test_the_quiz_hides_a_contribution_until_it_is_right(explore):
    page = explore(reused(), attributes="quiz")
    assert "each backward step asks" in page.locator("mg-explorer .panel").inner_text()
    press(page, *["ArrowRight"] * 10)
    answer, reply = page.get_by_label("Your answer"), page.locator("mg-explorer .reply")
    assert page.locator("mg-explorer .panel").inner_text().count("hidden by the quiz") >= 1
    press(page, "Enter")
    page.keyboard.type("seven")
    press(page, "Enter")
    assert "no number" in reply.inner_text()
    answer.fill("7")
    press(page, "Enter")
    assert "Not yet" in reply.inner_text()
    answer.fill("0.991")
    press(page, "Enter")
    assert answer.count() == 0
    assert "Right" in page.locator("mg-explorer .says").inner_text()
    press(page, "ArrowRight")
    assert slider(page)[0] == 11, "the keys go on after an answer"


def test_the_question_of_the_quiz_is_seen_at_once(explore):
    page = explore(digits(), height=700)
    press(page, *["ArrowRight"] * 7)
    while "batch_norm" not in page.locator("mg-explorer .panel h2").inner_text():
        press(page, "ArrowRight")
    press(page, "q")
    box = page.get_by_label("Your answer").bounding_box()
    assert 0 < box["y"] < 600


def test_batch_norm_opens_into_its_lines_and_closes_again(explore):
    trace = digits()
    page = explore(trace)
    press(page, "ArrowRight", "ArrowRight")
    panel = page.locator("mg-explorer .panel")
    assert panel.locator("h2").inner_text() == "batch_norm"
    assert "Both give the same gradient" in panel.inner_text()
    assert {"axis", "weight"} <= set(panel.locator("p code").all_inner_texts()), "arguments in the description are code"
    page.get_by_role("button", name="Step through these 6 lines").click()
    assert panel.evaluate("panel => panel.scrollTop") == 0
    assert page.locator("mg-explorer h1").inner_text().endswith("in the paper's lines")
    press(page, "End")
    assert slider(page)[0] == slider(page)[1] > 10
    page.get_by_role("button", name="← Batch norm").click()
    assert slider(page)[0] == 2


def test_the_graph_of_a_gradient_stands_beside_that_of_the_value(explore):
    page = explore(second_order())
    press(page, "End")
    headings = page.locator("mg-explorer .heading").all_text_contents()
    assert headings == ["value", "gradient of pass 1", "what follows"]
    press(page, *["ArrowLeft"] * 2)
    assert "pass 2" in page.locator("mg-explorer .badge").first.inner_text()


def test_modules_close_and_open(explore):
    page = explore(tokens())
    items, frames = page.locator("mg-explorer .item"), page.locator("mg-explorer .frame")
    press(page, "f")
    before = frames.count()
    assert before > 1
    while frames.count():
        press(page, "m")
    assert items.count() < 10
    page.locator("mg-explorer .item.closed .sign").first.click(force=True)
    assert frames.count() == 1


@pytest.mark.parametrize(("query", "count"), [("op:multiply", 2), ("shape:(2,3)", 5), ("param:w", 1), ("nan", 0), ("h * a", 1)])
def test_search_counts_and_marks(explore, query, count):
    page = explore(reused())
    press(page, "/")
    page.keyboard.type(query)
    assert page.locator("mg-explorer .count").inner_text() == str(count)
    assert page.locator("mg-explorer .item.found").count() == count


def test_nan_is_found_and_told(explore):
    page = explore(not_finite())
    press(page, "/")
    page.keyboard.type("nan")
    press(page, "Enter")
    assert int(page.locator("mg-explorer .count").inner_text()) >= 3
    assert page.locator("mg-explorer .badge").first.inner_text() == "Selected"


def test_nodes_are_coloured_by_a_measure(explore):
    page = explore(digits())
    press(page, "f")
    for words in ("gradient", "bytes", "saturated"):
        press(page, "c")
        assert words in page.locator("mg-explorer .legend").inner_text()
        assert page.locator("mg-explorer .item.tinted").count() > 0
    press(page, "c")
    assert page.locator("mg-explorer .legend").is_hidden()


def test_the_table_holds_every_node_and_selects(explore):
    trace = digits()
    page = explore(trace)
    press(page, "t")
    rows = page.locator("mg-explorer .table tbody tr")
    assert rows.count() == len(trace.document["nodes"])
    rows.filter(has_text="batch_norm").first.get_by_role("button").click()
    assert page.locator("mg-explorer .panel h2").inner_text() == "batch_norm"
    press(page, "ArrowDown")
    assert page.locator("mg-explorer .panel h2").inner_text() == "sigmoid", "the keys go on after a choice in the table"


def test_the_keys_reach_everything(explore):
    page = explore(reused())
    press(page, "ArrowRight", "ArrowUp")
    assert page.locator("mg-explorer .panel h2").inner_text() == "x"
    assert "selected: x" in page.locator("mg-explorer .says").inner_text(), "for a screen reader"
    press(page, "ArrowDown")
    assert page.locator("mg-explorer .panel h2").inner_text() == "multiply"
    press(page, "Enter")
    assert slider(page)[0] == 1
    press(page, "?")
    assert page.get_by_role("dialog").is_visible()
    press(page, "Escape", "End", "Home", "/", "Escape", "ArrowRight")
    assert slider(page)[0] == 1, "the keys go on after a search"


def test_digits_of_a_heat_map_are_read_by_keys(explore):
    page = explore(digits())
    press(page, "ArrowRight")
    heat = page.locator("mg-explorer canvas.heat").first
    heat.focus()
    press(page, "ArrowRight", "ArrowDown")
    assert "[1, 1] = " in page.locator("mg-explorer .array", has=page.locator("canvas.heat")).first.locator("output").inner_text()
    assert slider(page)[0] == 1


def test_names_and_source_are_text(explore):
    name = "</script><img src=x onerror=alert(1)>"
    x = mg.tensor([1.0, 2.0], requires_grad=True, name=name)
    with record(title="<b>bold</b>") as trace:
        (x * x).sum().backward()  # <img src=x onerror=alert(2)>
    page = explore(trace)
    press(page, "ArrowRight", "t", "/")
    assert page.locator("mg-explorer h1").inner_text() == "<b>bold</b>"
    assert name in page.locator("mg-explorer .table").inner_text()
    assert page.locator("mg-explorer img").count() == 0


def test_five_thousand_nodes_open_and_step(explore):
    page = explore(recorded(lambda: chain(5000)), packed=True)
    press(page, "End", "ArrowLeft")
    assert slider(page)[0] == slider(page)[1] - 1 > 10_000
    assert 0 < drawn_items(page) <= 300


def drawn_items(page):
    return page.locator("mg-explorer .graph svg:not(.hidden) .item").count()


def test_more_than_300_nodes_in_view_are_drawn_on_the_canvas(explore):
    x = mg.tensor(1.0, requires_grad=True)
    with record(title="Wide") as trace:
        values = [x] * 40
        for _ in range(40):
            values = [mg.tanh(value) for value in values]
        mg.stack(values).sum()
    page = explore(trace, packed=True)
    counts = []
    for _ in range(12):
        counts.append(drawn_items(page))
        press(page, "-")
    assert 150 < max(counts) <= 300
    assert counts[-1] == 0
    assert page.locator("mg-explorer .graph canvas").is_visible()


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_is_wider_than_the_page(explore, width):
    page = explore(digits(), width=width, dark=True)
    press(page, *["ArrowRight"] * 9)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("mg-explorer .panel").evaluate("(panel) => panel.scrollWidth - panel.clientWidth") <= 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"schema": "minigrad-trace/2"}', 'This explorer reads minigrad-trace/1, and the trace is "minigrad-trace/2".'),
        ("{}", "This explorer reads minigrad-trace/1, and the trace has no version."),
        ("{", "The trace in this page is damaged"),
    ],
)
def test_a_trace_that_cannot_be_read_is_said_in_a_sentence(visit, text, sentence):
    page = visit(page_of(text))
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert alert.inner_text().startswith(sentence)


def test_a_missing_trace_is_said_in_a_sentence(visit):
    page = visit(page_of("{}", name="elsewhere"))
    page.get_by_role("alert").wait_for()
    assert '"elsewhere"' in page.get_by_role("alert").inner_text()


def test_the_module_for_anywidget_keeps_trace_and_step(visit):
    document = json.dumps(reused().document).replace("<", "\\u003c")
    bundle = json.dumps(BUNDLE).replace("</", "<\\/")
    page = visit(f"""<!doctype html><div id="cell"></div><script type="application/json" id="data">{document}</script><script type="module">
      const text = new Blob([{bundle}], {{ type: "text/javascript" }});
      const widget = (await import(URL.createObjectURL(text))).default;
      const state = {{ trace: document.getElementById("data").textContent, step: 3 }};
      const heard = {{}};
      window.model = {{
        get: (name) => state[name],
        set: (name, value) => (state[name] = value),
        save_changes: () => (window.saved = state.step),
        on: (name, act) => (heard[name] = act),
        off: (name) => delete heard[name],
        change: (step) => {{ state.step = step; heard["change:step"](); }},
      }};
      widget.render({{ model, el: document.getElementById("cell") }});
    </script>""")
    page.locator("mg-explorer .player").wait_for()
    assert slider(page)[0] == 3
    page.locator("mg-explorer").focus()
    press(page, "ArrowRight")
    assert page.evaluate("saved") == 4
    page.evaluate("model.change(1)")
    assert slider(page)[0] == 1
