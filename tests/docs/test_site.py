"""The site: every public name is in it, every link leads somewhere, and a real browser can read, search, step and switch."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from support.contrast import LOW_CONTRAST

pytestmark = pytest.mark.slow

#: packages whose names are public; those of `minigrad` are on two pages
PACKAGES = re.findall(
    r"^\.\. public-names:: (\S+)", "\n".join(p.read_text() for p in (Path(__file__).parents[2] / "docs/reference").glob("*.rst")), re.M
)


@pytest.fixture(scope="session")
def names(site):
    """All names that the reference describes, each with its page."""
    from sphinx.util.inventory import InventoryFile

    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    return {name for kind, found in inventory.data.items() if kind.startswith("py:") for name in found}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_in_the_reference(names, package):
    module = import_module(package)
    listed = [name for name in getattr(module, "__all__", ()) if not inspect.ismodule(getattr(module, name))]
    described = {name.rsplit(".", 1)[1] for name in names if "." in name}
    assert not [name for name in listed if name not in described]


def test_every_package_that_mg_offers_is_in_the_reference():
    import minigrad as mg

    offered = {f"minigrad.{name}" for name in mg.__all__ if inspect.ismodule(getattr(mg, name))}
    assert offered <= set(PACKAGES)


def test_every_link_leads_somewhere(site):
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    anchors = {path: set(re.findall(r'\bid="([^"]+)"', text)) for path, text in pages.items()}
    broken = []
    for path, text in pages.items():
        for link in set(re.findall(r'<a (?!class="viewcode-back)[^>]*href="([^"]+)"', text)):
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists() or (parts.fragment and target in anchors and unquote(parts.fragment) not in anchors[target]):
                broken.append(f"{path.name}: {link}")
    assert not broken


def test_nothing_is_loaded_from_elsewhere(site):
    for path in site.rglob("*.html"):
        assert not re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="https?://', path.read_text(encoding="utf-8")), path.name


def test_no_page_shows_a_folder_of_the_machine_that_built_it(site):
    folders = (str(Path(__file__).parents[2]), "ipykernel_")  # the second holds the cells of a page, in no folder that exists
    assert not [path.name for path in site.rglob("*.html") for folder in folders if folder in path.read_text(encoding="utf-8")]


def test_search_finds_batch_norm(visit, address):
    tab = visit(f"{address}/search.html?q=batch_norm")
    tab.locator("#search-results li a", has_text="Ops").first.wait_for()


def test_the_explorer_steps(visit, address):
    tab = visit(f"{address}/index.html")
    explorer = tab.locator("mg-explorer")
    explorer.locator(".player").wait_for()
    step = tab.get_by_role("slider", name="Step")
    assert step.get_attribute("aria-valuenow") == "0"
    explorer.focus()
    tab.keyboard.press("ArrowRight")
    assert step.get_attribute("aria-valuenow") == "1"


def test_formulas_are_drawn(visit, address):
    tab = visit(f"{address}/batch_norm.html")
    tab.locator(".katex-source .katex").first.wait_for()
    assert tab.locator(".katex-error").count() == 0
    assert tab.locator(".katex-source").count() == tab.locator(".katex-source > .katex, .katex-source > .katex-display").count()


PAGES = [
    "index",
    "start",
    "engine",
    "batch_norm",
    "gradients",
    "diagnosis",
    "trainer",
    "onnx",
    "training",
    "from_pytorch",
    "errors",
    "gallery",
    "lab/index",
    "reference/ops",
]


#: what sticks out of the window, so that the whole page has to be scrolled: all but what scrolls by itself
STICKING_OUT = """() => [...document.querySelectorAll('article *')].filter(e => {
    const own = p => ['auto', 'scroll'].includes(getComputedStyle(p).overflowX);
    const scrolls = p => p.tagName !== 'ARTICLE' && (own(p) || scrolls(p.parentElement));
    const box = e.getBoundingClientRect();
    return box.width > 1 && box.right > innerWidth + 1 && !scrolls(e);
}).map(e => e.tagName + ': ' + e.textContent.slice(0, 60))"""


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_its_window(visit, address, page, width):
    tab = visit(f"{address}/{page}.html", width=width, height=844)
    tab.wait_for_load_state("load")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate(STICKING_OUT) == []


@pytest.mark.parametrize("page", ["errors", "diagnosis"])
def test_sentences_that_cells_print_are_read_without_scrolling(visit, address, page):
    tab = visit(f"{address}/{page}.html", width=390, height=844)
    cut = "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.slice(0, 60))"
    assert tab.locator(".tag_wrap .cell_output pre").count()
    assert tab.locator(".tag_wrap .cell_output pre").evaluate_all(cut) == []


def test_the_pages_before_and_after_are_told_apart_on_a_phone(visit, address):
    tab = visit(f"{address}/lessons/6_batch_norm.html", width=390, height=844)
    before, after = (tab.locator(f".related-pages .{side}-page .title").bounding_box() for side in ("prev", "next"))
    assert before["x"] + before["width"] + 8 <= after["x"]


def test_every_command_of_a_page_was_found(site):
    assert [page.name for page in site.rglob("*.html") if "command not found" in page.read_text(encoding="utf-8")] == []


def test_a_table_that_grows_in_a_terminal_is_shown_once(site):
    text = (site / "gradients.html").read_text(encoding="utf-8")
    assert text.count("2 ops, 13 cases, 0 failed") == text.count("op       case ") == 1


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page", ["start", "errors", "gradients", "reference/optim"])
def test_text_can_be_read(visit, address, page, dark):
    tab = visit(f"{address}/{page}.html", dark=dark)
    assert tab.evaluate(LOW_CONTRAST, "article") == []


def test_the_keyboard_reaches_the_search_and_a_page(visit, address):
    tab = visit(f"{address}/index.html")
    reached = []
    for _ in range(12):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.name || document.activeElement.getAttribute('href') || ''"))
    assert "q" in reached
    assert "start.html" in reached


def test_an_op_is_shown_with_the_shapes_types_and_errors_that_come(site):
    text = re.sub(r"<[^>]+>", "", (site / "reference" / "ops.html").read_text(encoding="utf-8"))
    assert "exp(float64[2, 3]) -&gt; float64[2, 3]" in text
    assert "ValueError: batch_norm: axis=2 does not name different axes of x, which has shape (2, 3)" in text
    assert text.count("Shapes, types, errors") >= 180
