// Every key, what it does, and the sheet that says so.
import { h } from "./dom.js";

/** [keys, what is said of them, act(application)]. */
export const KEYS = [
  [["ArrowRight"], "→", "one step on", (x) => x.step(1)],
  [["ArrowLeft"], "←", "one step back", (x) => x.step(-1)],
  [["Home"], "Home", "to the start", (x) => x.ends(false)],
  [["End"], "End", "to the end", (x) => x.ends(true)],
  [[" "], "Space", "play, pause", (x) => x.play.toggle()],
  [["ArrowUp"], "↑", "to what goes into this node; again for the next input", (x) => x.walk("inputs")],
  [["ArrowDown"], "↓", "to what uses this node", (x) => x.walk("consumers")],
  [["Enter"], "Enter", "to the step where the selected node runs; to the quiz's answer; opens a closed module", (x) => x.dive()],
  [["Escape"], "Esc", "back to the step; let go of an element", (x) => x.escape()],
  [["/"], "/", "search; Enter goes to the next found", (x) => x.focusSearch()],
  [["c"], "c", "colour by gradient, bytes saved, saturation", (x) => x.nextColour()],
  [["m"], "m", "open or close all modules", (x) => x.fold()],
  [["q"], "q", "quiz", (x) => x.quiz()],
  [["t"], "t", "table", (x) => x.toggleTable()],
  [["+", "="], "+", "nearer", (x) => x.view.zoom(1.25)],
  [["-"], "−", "farther", (x) => x.view.zoom(0.8)],
  [["f", "0"], "f", "all of the graph", (x) => x.view.fit()],
  [["?"], "?", "this sheet", (x) => x.help()],
];

export const actOf = (event) =>
  event.ctrlKey || event.metaKey || event.altKey ? null : KEYS.find(([names]) => names.includes(event.key))?.[3];

export function keySheet() {
  const sheet = h(
    "dialog",
    { class: "sheet", "aria-label": "Keys", onclick: () => sheet.close() },
    h("h2", "Keys"),
    h(
      "dl",
      KEYS.map(([, name, does]) => [h("dt", h("kbd", name)), h("dd", does)]),
    ),
    h("p.quiet", "Wheel: zoom. Drag: move. Click a node, a module, a number."),
  );
  sheet.addEventListener("keydown", (event) => event.stopPropagation());
  return sheet;
}
