// A step of a backward pass: the cotangent that comes in, the rule, what it sends where, and the sum that this adds to.
import { h } from "./dom.js";
import { backwardAt, expression } from "./formula.js";
import { checks, codeBlock, header, numberAt, section, source } from "./parts.js";
import { quizBlock } from "./quizblock.js";
import { sixLines } from "./sixlines.js";
import { sumBlock } from "./sums.js";
import { frees } from "./timeline.js";
import { indexText } from "./values.js";

export function start(about, { pass, node }) {
  const { trace } = about;
  const { create_graph, retain_graph, start: starts } = trace.passes[pass - 1];
  return [
    header(badge(trace, pass), "backward", `Starts at ${trace.name(node)}`),
    h(
      "p",
      "From the last op to the first, each gets the sum of what was sent to it, its cotangent g, and sends each input its part:",
    ),
    starts.map((ref) => about.array(`g of ${trace.name(ref.node)}`, ref.cotangent)),
    create_graph &&
      h(
        "p",
        "create_graph: the rules compute with tensors, so this pass has a graph of its own. It grows beside the first, upwards.",
      ),
    retain_graph && !create_graph && h("p", "retain_graph: this pass frees nothing."),
  ];
}

export function backward(about, step) {
  const { trace, session } = about;
  const { node: id, slot, to, pass, position } = step;
  const node = trace.nodes[id];
  const { add, made } = trace.backward[position];
  const isHidden = Boolean(session.quiz?.hides(position));
  const cotangents = trace.cotangents(id, pass);
  const input = trace.inputName(node, slot);
  const target = trace.name(to.node);
  return [
    header(badge(trace, pass), "backward", `${trace.opName(node)} → ${target}`, about.subtitle(node)),
    isHidden && quizBlock(about, step, add),
    section(
      "Cotangent that comes in",
      cotangents.map((g, output) => g && about.array(cotangents.length > 1 ? `g of ${trace.outputName(node, output)}` : "g", g)),
    ),
    rule(about, node, step, cotangents[0], isHidden),
    section(
      `Sends to ${input === target ? input : `${input} = ${target}`}`,
      about.array("contribution", add, to, isHidden),
      made && h("p", "computed by ", about.link(made.node), ", a node of the gradient's graph"),
    ),
    sumBlock(about, step, isHidden),
    sends(about, step),
    frees(about.timeline, step, session.step) && freed(node),
    !isHidden && checks(trace.nodes[to.node]),
    !isHidden && sixLines(about, node),
  ];
}

const badge = (trace, pass) => (trace.passes.length > 1 ? `Backward pass ${pass}` : "Backward");

function rule(about, node, { slot, to, position }, cotangent, isHidden) {
  const { trace } = about;
  const found = trace.rule(node, slot);
  if (!found) return null;
  const { add } = trace.backward[position];
  const line = expression(found.code);
  const flat = about.element(to.node, add);
  const said = flat === null ? null : backwardAt(trace, node, slot, flat, cotangent);
  return section(
    `Rule for ${found.inputs.join(", ")}`,
    found.code && !line ? source(found.code) : codeBlock(line),
    reads(node, trace.inputName(node, slot)),
    said &&
      h(
        "p.numbers",
        h("span.quiet", `for ${trace.name(to.node)}${indexText(flat, add.shape)}: `),
        said,
        !isHidden && ` = ${numberAt(add, flat)}`,
      ),
  );
}

/** What the rule reads of what was saved. */
function reads(node, input) {
  const items = (node.saved ?? []).filter((item) => item.bytes && item.for.includes(input));
  return (
    items.length > 0 &&
    h(
      "p.quiet",
      "reads ",
      items.map((item, i) => [i > 0 && ", ", h("code", item.name)]),
      ", kept on the way forward",
    )
  );
}

/** Every input this node sends to in this pass, and at which step. */
function sends(about, { node, pass, position }) {
  const { trace, timeline } = about;
  const all = trace.outOf(node, pass);
  const row = (k) => {
    const { slot, to } = trace.backward[k];
    const text = `${trace.inputName(trace.nodes[node], slot)} → ${trace.name(to.node)}`;
    return h("div.row", k === position ? h("b", text) : about.toStep(timeline.stepOfContribution[k], text));
  };
  return all.length > 1 && section("This op's rules send to", all.map(row));
}

function freed(node) {
  const items = (node.saved ?? []).filter((item) => item.bytes && !item.held);
  return (
    items.length > 0 &&
    section("Freed now", h("p", items.map((item) => item.name).join(", "), ": the op has sent all it has to send."))
  );
}
