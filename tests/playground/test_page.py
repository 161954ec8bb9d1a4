"""The playground in a real browser: nothing leaves the machine, no error in a script, and what a learner does in it."""

import gzip
import re
import time

import pytest
from support.contrast import LOW_CONTRAST

from minigrad.learn.course import OWN, read

expect = pytest.importorskip("playwright.sync_api", reason="the page needs the extra test-web").expect

pytestmark = pytest.mark.slow

LONG = 30_000  #: milliseconds that something may take on a busy machine

WRONG_BATCH_NORM = """
import numpy as np
import minigrad as mg

def batch_norm(x):
    return (x - x.mean(axis=0)) / mg.sqrt(x.var(axis=0) + 1e-5)

def backward(g, x):
    x_hat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
    return (g - x_hat * (g * x_hat).mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)

print(mg.gradcheck(batch_norm, [np.random.default_rng(0).normal(size=(6, 3))], vjp=backward))
"""


class Reader:
    """Somebody in front of the page."""

    def __init__(self, tab):
        self.tab = tab
        self.status, self.output = tab.get_by_role("status"), tab.get_by_role("log")
        self.wait_for_python()

    def wait_for_python(self):
        expect(self.tab.locator("body")).to_have_attribute("data-ready", re.compile(".+"), timeout=LONG)

    def button(self, name):
        return self.tab.get_by_role("button", name=name, exact=True)

    def write(self, text):
        self.tab.locator(".editor .cm-content").click()
        self.tab.keyboard.press("Control+a")
        self.tab.keyboard.insert_text(text)

    def run(self, text):
        self.write(text)
        self.button("Run").click()
        self.wait()

    def wait(self):
        expect(self.button("Stop")).to_be_disabled(timeout=LONG)

    def text(self):
        return "\n".join(self.tab.locator(".editor .cm-line").all_inner_texts())

    def choose(self, kind, value):
        self.tab.get_by_role("combobox", name=kind).select_option(value)


@pytest.fixture
def reader(visit, home):
    return Reader(visit(home))


def test_a_program_runs_and_an_error_is_marked(reader):
    reader.run("print(1 + 1)")
    expect(reader.output).to_contain_text("2")
    reader.run("x = 1\ny = x / 0\n")
    expect(reader.output).to_contain_text("ZeroDivisionError")
    expect(reader.tab.locator(".cm-wrong")).to_have_text("y = x / 0")


def test_digits_are_trained_to_95_percent(reader):
    reader.choose("Programs", "example:digits")
    begun = time.perf_counter()
    reader.button("Run").click()
    expect(reader.output).to_contain_text("of the test digits", timeout=LONG)
    seconds = time.perf_counter() - begun
    right = float(re.search(r"right on ([\d.]+)%", reader.output.inner_text())[1])
    assert right >= 95
    assert reader.output.locator("img").count() == 2
    print(f"digits to {right} % in {seconds:.2f} s")


def test_the_explorer_steps_through_the_learners_own_lines(reader):
    reader.write("import minigrad as mg\nw = mg.tensor([1.0, 2.0], requires_grad=True)\nloss = (w * w).sum()\nloss.backward()\n")
    reader.button("Step through").click()
    explorer = reader.tab.locator("mg-explorer")
    expect(explorer).to_be_visible(timeout=LONG)
    expect(explorer.get_by_text("before the first op")).to_be_visible()
    explorer.focus()
    reader.tab.keyboard.press("ArrowRight")
    expect(explorer.get_by_text("w * w").first).to_be_visible()


def test_a_wrong_batch_norm_is_named(reader):
    begun = time.perf_counter()
    reader.run(WRONG_BATCH_NORM)
    print(f"verdict in {time.perf_counter() - begun:.2f} s")
    expect(reader.output).to_contain_text("the right one without the term through the mean")


def test_an_exercise_failed_hinted_and_passed(reader):
    square = read(OWN).exercise("square")
    reader.choose("Exercises", "exercise:square")
    expect(reader.tab.get_by_role("heading", name="The gradient of x * x")).to_be_visible()
    reader.button("Check").click()
    expect(reader.status).to_have_text("still to be written", timeout=LONG)
    reader.write(square.solution.replace("g * 2 * x", "2 * x"))
    reader.button("Check").click()
    expect(reader.status).to_have_text("not yet", timeout=LONG)
    reader.button("Hint").click()
    expect(reader.tab.get_by_text("Hint 1 of 3")).to_be_visible(timeout=LONG)
    reader.write(square.solution)
    reader.button("Check").click()
    expect(reader.status).to_have_text("passed", timeout=LONG)
    reader.button("Next exercise").click()
    expect(reader.tab.get_by_role("heading", name="A quotient: softsign")).to_be_visible(timeout=LONG)
    reader.tab.reload()
    reader.wait_for_python()
    expect(reader.tab.get_by_role("heading", name="A quotient: softsign")).to_be_visible(timeout=LONG)
    expect(reader.tab.locator("option[value='exercise:square']")).to_contain_text("✓")


@pytest.mark.parametrize(
    "program",
    [
        "while True:\n    pass\n",
        "while True:\n    print('more')\n",
        "while True:\n    try:\n        pass\n    except BaseException:\n        pass\n",
    ],
    ids=["loop", "flood", "stubborn"],
)
def test_an_endless_loop_is_stopped_and_the_text_is_still_there(reader, program):
    reader.write(program)
    reader.button("Run").click()
    expect(reader.button("Stop")).to_be_enabled()
    reader.button("Stop").click()
    expect(reader.button("Run")).to_be_enabled(timeout=LONG)
    assert reader.text().strip() == program.strip()
    reader.run("print('again')")
    expect(reader.output).to_contain_text("again")


def test_a_reload_keeps_the_text(reader):
    reader.write("x = 'mine'\n")
    reader.tab.reload()
    reader.wait_for_python()
    assert "x = 'mine'" in reader.text()


def test_a_link_carries_a_program_which_is_shown_and_not_run(reader, home):
    reader.write("print('mine')\n")
    reader.tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    reader.write("print('from the link: ü €')\n")
    reader.button("Copy link").click()
    expect(reader.status).to_contain_text("copied")
    link = reader.tab.evaluate("navigator.clipboard.readText()")
    reader.write("print('mine')\n")
    reader.tab.goto("about:blank")
    reader.tab.goto(link)
    reader.wait_for_python()
    assert "from the link: ü €" in reader.text()
    expect(reader.output).not_to_contain_text("from the link")
    expect(reader.tab.get_by_role("note")).to_contain_text("Read it before you run it")
    reader.button("Back to your own").click()
    assert "mine" in reader.text()


@pytest.mark.parametrize("hash", ["#code=", "#code=%%%", "#code=AAAA", "#example=nothing", "#exercise=nothing", "#else"])
def test_a_damaged_address_is_no_error(visit, home, hash):
    reader = Reader(visit(home + hash))
    reader.run("print('here')")
    expect(reader.output).to_contain_text("here")


def test_the_address_may_name_an_example_or_an_exercise(visit, home):
    reader = Reader(visit(home + "#example=own_op"))
    assert "swish" in reader.text()
    reader = Reader(visit(home + "#exercise=bn_dx"))
    expect(reader.tab.get_by_role("heading", name="Batch norm: the gradient for x")).to_be_visible(timeout=LONG)


def test_a_program_reaches_no_other_host(reader, home):
    reader.run("from js import XMLHttpRequest\nr = XMLHttpRequest.new()\nr.open('GET', 'http://127.0.0.1:9/', False)\nr.send()\n")
    expect(reader.output).to_contain_text("NetworkError")


def test_progress_is_saved_as_a_file_and_loaded(reader, visit, home, tmp_path):
    reader.choose("Exercises", "exercise:square")
    reader.write(read(OWN).exercise("square").solution)
    reader.button("Check").click()
    expect(reader.status).to_have_text("passed", timeout=LONG)
    with reader.tab.expect_download() as download:
        reader.button("Save progress").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    other = Reader(visit(home + "#exercise=softsign"))
    expect(other.tab.get_by_role("heading", name="A quotient: softsign")).to_be_visible(timeout=LONG)
    with other.tab.expect_file_chooser() as chooser:
        other.button("Load progress").click()
    chooser.value.set_files(path)
    expect(other.status).to_contain_text("is here now", timeout=LONG)
    expect(other.tab.locator("option[value='exercise:square']")).to_contain_text("✓")


def test_the_folder_is_small(folder):
    """In bytes as they lie there; over the wire a host compresses them."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 20e6
    assert sum(len(gzip.compress(path.read_bytes(), 6)) for path in files) <= 12e6


def test_every_licence_is_in_the_folder(folder):
    text = (folder / "LICENSES.txt").read_text()
    for name in ("@codemirror/view", "@lezer/python", "style-mod", "numpy-2.0.2", "rich-", "pyodide.asm.wasm: MPL-2.0"):
        assert name in text
    assert text.count("Permission is hereby granted") >= 8


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_cut_off_and_everything_has_contrast(visit, home, dark, width):
    reader = Reader(visit(home, width=width, dark=dark))
    reader.choose("Exercises", "exercise:bn_dx")
    reader.button("Check").click()
    expect(reader.status).to_have_text("still to be written", timeout=LONG)
    assert reader.tab.evaluate("document.documentElement.scrollWidth") <= width
    assert reader.tab.evaluate(LOW_CONTRAST, "body") == []
