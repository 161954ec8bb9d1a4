// How a node came to be: the line that ran, the formula, what went in, what came out, what it keeps.
import { h } from "./dom.js";
import { expression, forwardAt } from "./formula.js";
import { codeBlock, constants, header, ledger, numberAt, section, source, sourceBlock } from "./parts.js";
import { sixLines } from "./sixlines.js";
import { constantText } from "./trace.js";
import { indexText } from "./values.js";

export function forward(about, { node: id }) {
  const node = about.trace.nodes[id];
  return [header("Forward", "forward", about.trace.opName(node), about.subtitle(node)), computed(about, node)];
}

export function computed(about, node) {
  const { trace } = about;
  const outputs = node.values.length;
  return [
    sourceBlock(trace, node),
    node.pass > 0 &&
      h(
        "p",
        "Part of a gradient: made in pass ",
        `${node.pass}`,
        node.made_by !== undefined && [" by the rule of ", about.link(node.made_by)],
        node.sum && ", to add two contributions",
        ".",
      ),
    formula(about, node),
    section(
      "Goes in",
      node.inputs.map((input, slot) => inputRow(about, node, input, slot)),
    ),
    section(
      "Comes out",
      node.values.map((value, output) =>
        about.array(outputs > 1 ? trace.outputName(node, output) : (node.name ?? "y"), value, { node: node.id, output }),
      ),
    ),
    ledger(about, node),
    sixLines(about, node),
  ];
}

/** In one line where it is one, else its source to be unfolded; with the numbers of one element. */
function formula(about, node) {
  const { trace } = about;
  const { code, doc } = trace.op(node);
  const line = expression(code);
  const flat = about.element(node.id, node.values[0]);
  const said = flat === null ? null : forwardAt(trace, node, flat);
  const at = said && indexText(flat, node.values[0].shape);
  return section(
    "Formula",
    doc &&
      doc !== line &&
      h(
        "p",
        doc.split(/`+/).map((text, i) => (i % 2 ? h("code", text) : text)),
      ),
    line ? codeBlock(`y = ${line}`) : code && source(code),
    constants(node.params),
    said && h("p.numbers", h("span.quiet", `y${at} = `), said, ` = ${numberAt(node.values[0], flat)}`),
  );
}

function inputRow(about, node, input, slot) {
  const { trace } = about;
  const name = trace.inputName(node, slot);
  if (!input) return null;
  const source = trace.nodes[input.node];
  const constant = source ? source.kind === "const" && constantText(source) : `${input.constant}`;
  if (constant) return h("div.row", h("span", name), h("code", constant));
  return about.array(h("span", `${name} = `, about.link(input.node)), source.values[input.output], {
    node: input.node,
    output: input.output,
  });
}
