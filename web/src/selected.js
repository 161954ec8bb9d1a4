// A node that was clicked: how it came to be, and its gradient as it stands at the current step.
import { h } from "./dom.js";
import { computed } from "./forward.js";
import { checks, header, section } from "./parts.js";
import { sumBlock } from "./sums.js";

export function selected(about, id) {
  const { trace, timeline, session } = about;
  const node = trace.nodes[id];
  const step = timeline.stepOfNode.get(id);
  const isOp = node.kind === "op";
  const kind = node.kind === "const" ? "A constant: no gradient flows to it" : "Value";
  return [
    header(
      "Selected",
      "selected",
      isOp ? trace.opName(node) : trace.name(id),
      about.subtitle(node),
      about.toStep(session.step, "back to the step"),
    ),
    step !== undefined && h("p", about.toStep(step, `It runs at step ${step}`)),
    isOp ? computed(about, node) : section(kind, about.array(node.name ?? "value", node.values[0], { node: id, output: 0 })),
    gradient(about, node),
    !session.quiz && checks(node),
  ];
}

/** The sums for a node's outputs, of the pass that runs at the current step. */
function gradient(about, node) {
  const { trace, timeline, session } = about;
  const pass = timeline.passAt(session.step);
  const outputs = node.values.map((_, output) => ({ node: node.id, output }));
  const reached = outputs.filter((to) => pass && (trace.into(to, pass).length || trace.sum(to, pass)));
  if (reached.length) return reached.map((to) => sumBlock(about, { to, pass, position: null }, Boolean(session.quiz)));
  return (
    outputs.some((to) => trace.gradient(node.id, to.output)) &&
    section("Gradient", h("p.quiet", "Nothing has come yet at this step."))
  );
}
