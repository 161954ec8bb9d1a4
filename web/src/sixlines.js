// A batch norm node as the paper's lines: what each computes, and that both ways give one gradient, at what cost in memory.
import { h } from "./dom.js";
import { section } from "./parts.js";
import { format, formatBytes } from "./values.js";

export function sixLines({ trace, on }, node) {
  const expansion = node.six_lines;
  if (!expansion) return null;
  const { fused, composed } = expansion.saved_bytes;
  const most = Math.max(fused, composed, 1);
  const lines = linesOf(expansion.nodes);
  return section(
    "As the paper writes it",
    h(
      "ol.lines",
      lines.map((code) => h("li", h("code", code))),
    ),
    h("button.wide", { onclick: () => on.enter(node) }, `Step through these ${lines.length} lines`),
    h("h4", "Both give the same gradient"),
    Object.entries(expansion.differences).map(([name, difference]) =>
      h(
        "div.row",
        h("code", name),
        h("span.amount", difference === 0 ? "equal to the last bit" : `largest relative difference ${format(difference, 2)}`),
      ),
    ),
    h("h4", "Saved for backward"),
    [
      ["one op", fused],
      ["line by line", composed],
    ].map(([name, bytes]) =>
      h(
        "div.row",
        h("span.name", name),
        h("span.gauge", h("i", { style: { width: `${(100 * bytes) / most}%` } })),
        h("span.amount", formatBytes(bytes)),
      ),
    ),
    composed > fused &&
      h(
        "p.quiet",
        `${trace.opName(node)} keeps ${Number((composed / fused).toPrecision(2))} times less, since its rule needs only what it names.`,
      ),
  );
}

/** The lines in the order they ran; several ops of one line are one. */
function linesOf(nodes) {
  const lines = new Map();
  for (const node of nodes) {
    if (node.kind === "op" && node.source?.code)
      lines.set(node.source.line, node.name ? `${node.name} = ${node.source.code}` : node.source.code);
  }
  return [...lines.values()];
}
