// All nodes as a table: for screen readers, for reading in order, for what a drawing cannot say. A page at a time.
import { h } from "./dom.js";
import { constantText } from "./trace.js";
import { clamp, format, formatBytes, summary } from "./values.js";

const PAGE = 200;
const COLUMNS = ["#", "op", "name", "module", "inputs", "shape", "gradient (norm)", "saved"];

/** select(id). */
export function nodeTable(select) {
  const element = h("div.table.hidden", { tabindex: "0", role: "region", "aria-label": "All nodes" });
  let page = 0;

  /** Rows of the found nodes, of all where nothing is searched. */
  function show(session) {
    const ids = session.found ?? session.trace.nodes.map((node) => node.id);
    const pages = Math.max(1, Math.ceil(ids.length / PAGE));
    page = clamp(page, 0, pages - 1);
    const turn = (by, text) => {
      const act = () => {
        page += by;
        show(session);
        element.scrollTop = 0;
      };
      return h("button", { disabled: page + by < 0 || page + by >= pages, onclick: act }, text);
    };
    const rows = ids.slice(page * PAGE, (page + 1) * PAGE).map((id) => row(session, id, select));
    const turning = pages > 1 && [`, page ${page + 1} of ${pages}`, turn(-1, "Back"), turn(1, "On")];
    const names = COLUMNS.map((text) => h("th", { scope: "col" }, text));
    const hadFocus = element.querySelector(":focus");
    element.replaceChildren(
      h("table.plain", h("caption", `${ids.length} nodes`, turning), h("thead", h("tr", names)), h("tbody", rows)),
    );
    if (hadFocus) (element.querySelector(".here button") ?? element).focus({ preventScroll: true }); // what had it is gone
  }

  return { element, show };
}

function row({ trace, quiz, focus }, id, select) {
  const node = trace.nodes[id];
  const gradient = trace.gradient(id);
  const input = (given) => (given?.node === undefined ? `${given?.constant ?? "–"}` : trace.name(given.node));
  const cells = [
    `${id}`,
    h("button.link", { onclick: () => select(id) }, trace.opName(node)),
    node.name ?? (node.kind === "const" ? constantText(node) : null),
    node.module,
    node.inputs.map(input).join(", "),
    trace.shapeText(node),
    quiz ? "?" : gradient && format(summary(gradient).norm, 3),
    trace.cost(node) ? formatBytes(trace.cost(node)) : null,
  ];
  return h(
    "tr",
    { class: id === focus && "here" },
    cells.map((cell) => h("td", cell)),
  );
}
