// The line above the graph: title, search, what nodes are coloured by, modules, quiz, table, keys.
import { h, hide } from "./dom.js";
import { MEASURES } from "./palette.js";

const HINT = "A part of a name or of the source, or op: param: module: shape:(8,3) nan";

/** on: {search(text), next(), colour(name), fold(), quiz(), table(), help(), leave()}. */
export function toolbar(on) {
  const title = h("h1");
  const back = h("button.link", { onclick: on.leave });
  const field = h("input", {
    type: "search",
    placeholder: "Search",
    title: HINT,
    "aria-label": HINT,
    spellcheck: "false",
    oninput: () => on.search(field.value),
    onkeydown: keys,
  });
  const count = h("span.count", { role: "status" });
  const names = ["", ...Object.keys(MEASURES)];
  const options = names.map((name) => h("option", { value: name }, MEASURES[name]?.name ?? "plain"));
  const colours = h(
    "select",
    { "aria-label": "Colour nodes by", title: "Colour nodes by (c)", onchange: () => on.colour(colours.value) },
    options,
  );
  const fold = h("button", { title: "Open or close all modules (m)", onclick: on.fold }, "Modules");
  const quiz = h("button", { title: "Hide what backward steps send, and ask for it (q)", onclick: on.quiz }, "Quiz");
  const table = h("button", { title: "All nodes as a table (t)", onclick: on.table }, "Table");
  const help = h("button", { title: "Keys (?)", "aria-label": "Keys", onclick: on.help }, "?");

  function keys(event) {
    event.stopPropagation();
    if (event.key === "Enter") on.next();
    if (event.key !== "Escape") return;
    field.value = "";
    on.search("");
    field.getRootNode().host.focus(); // where the keys are heard
  }

  return {
    element: h(
      "div.toolbar",
      h("div.titles", back, title),
      h("div.search", field, count),
      h("label", h("span.quiet", "Colour"), colours),
      fold,
      quiz,
      table,
      help,
    ),
    field,

    paint(session, outer, isTableShown) {
      title.textContent = session.trace.title;
      back.textContent = `← ${outer}`;
      hide(back, !outer);
      count.textContent = session.found?.length ?? "";
      quiz.setAttribute("aria-pressed", Boolean(session.quiz));
      table.setAttribute("aria-pressed", Boolean(isTableShown));
      hide(
        fold,
        session.tree.groups.every((group) => group.isColumn),
      );
      colours.value = session.colouredBy;
    },
  };
}
