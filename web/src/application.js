// The parts put together: what the reader does goes to the session, and what it changes is drawn again.
import { h, hide, shown } from "./dom.js";
import { expansionOf } from "./expansion.js";
import { actOf, keySheet } from "./keys.js";
import { colourOf, legendOf, sentence } from "./looks.js";
import { minimap } from "./minimap.js";
import { MEASURES, scale } from "./palette.js";
import { panelFor } from "./panel.js";
import { player } from "./player.js";
import { Session } from "./session.js";
import { nodeTable } from "./table.js";
import { themeOf } from "./theme.js";
import { toolbar } from "./toolbar.js";
import { range } from "./values.js";
import { graphView } from "./view.js";

/** host: the element; moved(detail): the reader is at another step. */
export function application(host, moved) {
  let session = null;
  let theme = null;
  let [isTableShown, isPlaced, foundAt] = [false, false, -1];
  const outer = []; // sessions left for an op's expansion

  const view = graphView({ select, toggle, move: paintMinimap });
  const map = minimap((x, y) => view.moveTo(x, y));
  const play = player(go);
  const table = nodeTable(select);
  const bar = toolbar({ search, next, colour, fold, quiz, table: toggleTable, help, leave });
  const legend = h("div.legend.hidden");
  const panel = h("div.panel", { tabindex: "0", role: "region", "aria-label": "The current step" });
  const sheet = keySheet();
  const stage = h("div.stage", view.element, legend, map.element, table.element);
  const element = h("div.explorer.hidden", bar.element, h("div.main", stage, panel), play.element, sheet);
  const resizes = new ResizeObserver(resized);
  const dark = matchMedia("(prefers-color-scheme: dark)");

  // What is drawn again.

  function open(opened) {
    session = opened;
    hide(element, false);
    play.stop();
    play.show(session);
    isPlaced = false;
    theme = themeOf(host, view.element);
    redraw();
    update(); // first, as what it writes takes height from the drawing
    resized();
    panel.scrollTop = 0;
  }

  function redraw() {
    view.show(session, theme);
    map.show(session, theme, view.camera, (item) => colourOf(session, item, theme)?.fill);
    view.paint();
  }

  function resized() {
    view.resize();
    if (!session || view.camera.height <= 1) return;
    if (!isPlaced) place();
    redraw();
  }

  function place() {
    isPlaced = true;
    view.camera.start(session.drawing, session.drawing.items[0]?.x);
    if (session.focus !== null) view.camera.show(session.itemOf(session.focus), session.drawing);
  }

  function retint() {
    if (!session) return;
    theme = themeOf(host, view.element);
    redraw();
    update();
  }

  function paintMinimap(seen) {
    const { current } = session;
    map.paint(seen, current && session.itemOf(current.node), current?.phase === "forward" ? "forward" : "backward");
  }

  /** After anything the reader does: panel, player, toolbar, legend, graph. */
  function update({ follow = false } = {}) {
    const hadFocus = panel.contains(host.shadowRoot.activeElement);
    panel.replaceChildren(...shown(panelFor(session, theme, { go, select, pick, enter, answer })));
    if (hadFocus) panel.focus({ preventScroll: true }); // what had it is gone, and with it the keys
    play.paint(sentence(session));
    bar.paint(session, outer.at(-1)?.trace.title, isTableShown);
    if (isTableShown) table.show(session);
    paintLegend();
    if (follow && session.focus !== null) view.reveal(session.itemOf(session.focus));
    view.paint();
  }

  function paintLegend() {
    const { measure } = session;
    hide(legend, !measure);
    if (!measure) return;
    const [low, high] = legendOf(measure);
    const shades = range(12).map((i) => h("i", { style: { background: scale(i / 11, theme.name) } }));
    legend.replaceChildren(measure.label, h("span.shades", low, h("span.ramp", shades), high));
  }

  // What the reader does.

  function go(step) {
    session.goTo(step);
    update({ follow: true });
    panel.scrollTop = 0;
    moved({ step: session.step, ...session.current });
  }

  function select(id) {
    session.selected = id;
    if (id !== null && session.reveal(id)) redraw();
    update({ follow: id !== null });
    panel.scrollTop = 0;
  }

  function pick(picked) {
    session.pick(picked);
    update();
  }

  function toggle(group) {
    session.toggle(group);
    redraw();
    view.reveal([...session.drawing.items, ...session.drawing.frames].find((item) => item.group === group));
    update();
  }

  function fold() {
    session.toggleAll();
    redraw();
    place();
    update({ follow: true });
  }

  function search(text) {
    session.search(text);
    foundAt = -1;
    update();
  }

  /** To the next node found. */
  function next() {
    const { found } = session;
    if (!found?.length) return;
    foundAt = (foundAt + 1) % found.length;
    select(found[foundAt]);
  }

  function colour(name) {
    session.colour(name);
    redraw();
    update();
  }

  function nextColour() {
    const names = ["", ...Object.keys(MEASURES)];
    colour(names[(names.indexOf(session.colouredBy) + 1) % names.length]);
  }

  function quiz() {
    session.setQuiz(!session.quiz);
    update();
    panel.scrollTop = 0;
  }

  function answer(text) {
    update();
    play.element.querySelector(".says").append(` · ${text}`);
  }

  function toggleTable() {
    isTableShown = !isTableShown;
    hide(table.element, !isTableShown);
    update();
    if (isTableShown) table.element.focus();
  }

  /** To the next of the nodes on one side of the node in focus. */
  function walk(side) {
    const id = session.neighbour(side);
    if (id !== null) select(id);
  }

  /** To the step where the selected node runs; to the answer that the quiz waits for; else opens what hides the current node. */
  function dive() {
    const { selected, timeline, current } = session;
    const step = timeline.stepOfNode.get(selected);
    if (step !== undefined) go(step);
    else if (panel.querySelector("form")) panel.querySelector("input").focus();
    else if (current && session.reveal(current.node)) {
      redraw();
      update({ follow: true });
    }
  }

  function escape() {
    if (session.selected !== null) select(null);
    else if (session.picked) pick(null);
    else if (outer.length) leave();
  }

  /** Into the expansion of a node, and back. */
  function enter(node) {
    const inner = new Session(expansionOf(session.trace, node));
    inner.goTo(1);
    outer.push(session);
    open(inner);
    host.focus();
  }

  function leave() {
    open(outer.pop());
    host.focus();
  }

  function help() {
    sheet.showModal();
  }

  const acts = { walk, dive, escape, fold, nextColour, quiz, toggleTable, help, view, play };
  const step = (by) => go(session.step + by);
  const ends = (isLast) => go(isLast ? session.timeline.length : 0);
  const focusSearch = () => bar.field.focus();

  function key(event) {
    const from = event.composedPath()[0];
    if (!session || /^(INPUT|SELECT|TEXTAREA)$/.test(from.tagName)) return;
    if ([" ", "Enter"].includes(event.key) && from.tagName === "BUTTON") return;
    if (from === panel && ["ArrowUp", "ArrowDown", " "].includes(event.key)) return;
    const act = actOf(event);
    if (!act) return;
    event.preventDefault();
    act({ ...acts, step, ends, focusSearch });
  }

  host.addEventListener("keydown", key);

  return {
    element,
    open,
    go,
    retint,
    view,
    get session() {
      return session;
    },
    connect() {
      resizes.observe(view.element);
      dark.addEventListener("change", retint);
    },
    disconnect() {
      resizes.disconnect();
      dark.removeEventListener("change", retint);
      play.stop();
    },
  };
}
