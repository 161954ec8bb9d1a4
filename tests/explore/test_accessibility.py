"""The explorer for those who read by keyboard, screen reader or weak eyes: axe's rules, and the graph's texts, which axe leaves out."""

from __future__ import annotations

import pytest
from support.node import WEB, node  # noqa: F401

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F

AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"

TOLD = """axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
  violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, any }) => `${target.flat()} ${any[0]?.message ?? ""}`).join("; ")}`))"""

FAINT = """() => {
  const root = document.querySelector("mg-explorer").shadowRoot;
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const back = getComputedStyle(document.querySelector("mg-explorer")).backgroundColor;
  const painted = (...layers) => {
    for (const [colour, alpha] of layers) {
      probe.globalAlpha = alpha;
      probe.fillStyle = colour;
      probe.fillRect(0, 0, 1, 1);
    }
    return [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((x) => x / 255).map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const contrast = (text) => {
    const item = text.closest(".item");
    const { fill, fillOpacity } = getComputedStyle(item.querySelector(".box"));
    const ground = [[back, 1], [fill, Number(fillOpacity)]];
    const ink = [getComputedStyle(text).fill, Number(getComputedStyle(item).opacity)];
    const shades = [painted(...ground), painted(...ground, ink)].map(light);
    return Math.max(...shades) / Math.min(...shades);
  };
  const texts = [...root.querySelectorAll(".item text")];
  const faint = texts.filter((text) => contrast(text) < 4.5);
  return { count: texts.length, faint: faint.map((text) => `${text.textContent} ${contrast(text)}`) };
}"""


def norm():
    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    F.cross_entropy(model(mg.random.normal((8, 3))), mg.tensor([0, 1] * 4)).backward()


def penalty():
    x = mg.tensor([0.5, -1.0, 2.0], requires_grad=True, name="x")
    (slope,) = mg.grad((x.tanh() * x).sum(), x, create_graph=True)
    (slope * slope).sum().backward()


STATES = {
    "the start": [],
    "a forward step": ["ArrowRight", "ArrowRight"],
    "a backward step": ["End", "ArrowLeft", "ArrowLeft"],
    "the end": ["End"],
    "a node": ["End", "ArrowUp"],
    "the quiz": ["End", "q"],
    "a table": ["End", "t"],
    "colours": ["End", "c"],
    "the keys": ["?"],
}


@pytest.mark.parametrize("compute", [norm, penalty])
def test_every_state_of_the_page_can_be_read_in_light_and_dark(visit, node, compute, tmp_path):  # noqa: F811
    with mg.record(check=2, title="Readable") as trace:
        compute()
    page = trace.explore(tmp_path / "page.html")
    for state, keys in STATES.items():
        tab = visit(page)
        tab.wait_for_selector("mg-explorer svg", state="attached")
        for key in keys:
            tab.keyboard.press(key)
        tab.evaluate(AXE.read_text())
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme)
            tab.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
            assert tab.evaluate(TOLD) == [], (state, scheme)
            seen = tab.evaluate(FAINT)
            assert seen["count"] > 0, (state, scheme)
            assert seen["faint"] == [], (state, scheme)
        tab.context.close()
