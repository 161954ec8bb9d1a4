// Small parts of the panel that several views share.
import { h } from "./dom.js";
import { digitsShared, format, formatBytes, numbers, placeOf, shapeText } from "./values.js";

const MOST_LINES = 6;

export const section = (title, ...content) => {
  const shown = content.flat(Infinity).filter(Boolean);
  return shown.length ? h("section", h("h3", title), shown) : null;
};

/** phase: overview, forward, backward or selected; it gives the badge its colour. */
export const header = (badge, phase, title, subtitle, action = null) =>
  h("div.head", h("div.badge-row", h(`span.badge.${phase}`, badge), action), h("h2", title), subtitle && h("p.quiet", subtitle));

export const codeBlock = (code) => (code ? h("pre.code", h("code", code)) : h("p.quiet", "its source is not at hand"));

/** Many lines wait until they are asked for. */
export function source(code) {
  const { length } = code.split("\n");
  return length > MOST_LINES ? h("details", h("summary", `Source, ${length} lines`), codeBlock(code)) : codeBlock(code);
}

/** Parameters of an op that are not arrays. */
export function constants(params = {}) {
  const entries = Object.entries(params);
  return entries.length
    ? h(
        "p.quiet",
        entries.map(([name, text], i) => [i ? ", " : "with ", h("code", `${name}=${text}`)]),
      )
    : null;
}

/** The line of the user's source that ran, with the expression marked, amid its neighbours. */
export function sourceBlock(trace, node) {
  const place = node.source;
  if (!place?.code && !place?.line) return null;
  const lines = trace.sources[place.file]?.split("\n");
  const where = h("span.quiet", `${place.file}:${place.line}`);
  if (!lines || lines.length < place.line) return section(["Your code ", where], place.code && codeBlock(place.code));
  const last = place.end_line ?? place.line;
  const [from, to] = [Math.max(1, place.line - 2), Math.min(lines.length, last + 2)];
  const rows = [];
  for (let n = from; n <= to; n++) {
    const isHere = n >= place.line && n <= last;
    rows.push(
      h(
        "div",
        { class: isHere ? "here" : null },
        h("span.number", `${n}`),
        isHere ? marked(lines[n - 1], n, place) : lines[n - 1],
      ),
    );
  }
  return section(["Your code ", where], h("pre.source", rows));
}

function marked(line, n, { line: first, end_line: last = first, column, end_column: end }) {
  if (column === undefined || end === undefined) return line;
  const [a, b] = [n === first ? column : line.search(/\S|$/), n === last ? end : line.length];
  return [line.slice(0, a), h("mark", line.slice(a, b)), line.slice(b)];
}

/** What a node keeps for the backward pass, which rule asked for it, and whether it is still there. */
export function ledger({ session, trace }, node) {
  const items = (node.saved ?? []).filter((item) => item.bytes);
  if (node.recomputed) return section("Kept for backward", h("p", "Nothing: under a checkpoint it is computed again."));
  if (node.kind !== "op") return null;
  const isFreed = session.step >= session.freed[node.id];
  const rows = items.map((item) =>
    h(
      "div",
      { class: isFreed && !item.held ? "row freed" : "row" },
      h("span", h("code", item.name), " ", h("span.quiet", shapeText(item.shape))),
      h("span.quiet", item.for.length ? `for the rule of ${item.for.join(", ")}` : ""),
      h("span.amount", item.held ? "held anyway" : formatBytes(item.bytes)),
    ),
  );
  const heading = isFreed && trace.cost(node) ? "Kept for backward, now freed" : "Kept for backward";
  return section(heading, rows.length ? rows : h("p.quiet", "Nothing: its rules need no array."));
}

/** The number at a position of the whole array, written; null where it was not sampled. */
export function numberAt(value, flat, digits = 4) {
  const place = value ? placeOf(value, flat) : -1;
  return place < 0 ? null : format(numbers(value)[place], digits);
}

/** Of two numbers near zero no digit may agree, though they differ by no more than rounding: so their difference is told. */
export function agreement(a, b) {
  const digits = digitsShared(a, b);
  return digits ? `${digits} digit${digits === 1 ? "" : "s"}` : `differs by ${format(Math.abs(a - b), 2)}`;
}

/** Finite differences beside the gradient, where the trace has them. */
export function checks(node) {
  if (!node.check?.length) return null;
  const row = ({ at, analytic, numeric }) => [
    at.length ? `[${at.join(", ")}]` : "–",
    format(analytic, 7),
    format(numeric, 7),
    agreement(analytic, numeric),
  ];
  const cells = (tag, texts) =>
    h(
      "tr",
      texts.map((text) => h(tag, text)),
    );
  return section(
    "Beside the finite difference",
    h(
      "table.plain",
      cells("th", ["element", "gradient", "numeric", "agreement"]),
      node.check.map((entry) => cells("td", row(entry))),
    ),
  );
}
