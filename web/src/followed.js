// The element that is followed: its value, what each path adds to its gradient in numbers, and the finite difference beside the sum.
import { h } from "./dom.js";
import { backwardAt } from "./formula.js";
import { agreement, numberAt } from "./parts.js";
import { format, indexText } from "./values.js";

export function followedBlock(about) {
  const { trace, session, timeline, on } = about;
  const { node: id, output, flat } = session.picked;
  const to = { node: id, output };
  const node = trace.nodes[id];
  const value = node.values[output];
  const place = `${trace.name(id)}${value ? indexText(flat, value.shape) : ""}`;
  const pass = timeline.passAt(session.step);
  const positions = pass ? trace.into(to, pass) : [];
  const arrived = timeline.arrived(positions, session.step);
  const hidden = Boolean(session.quiz);
  const sum = arrived && !hidden ? numberAt(trace.sum(to, pass, positions[arrived] ?? Infinity), flat) : null;
  return h(
    "aside.followed",
    h("div.badge-row", h("span.badge.follow", "Following"), h("button.link", { onclick: () => on.pick(null) }, "let go")),
    h(
      "p",
      about.link(id, place),
      ` = ${numberAt(value, flat) ?? "not recorded"}`,
      `. It has a say in ${session.followed.reached.size - 1} nodes, outlined in the graph.`,
    ),
    !hidden && positions.slice(0, arrived).map((k) => pathRow(about, k, to, flat, pass)),
    sum &&
      h(
        "p.total",
        `∂/∂ ${place} = ${sum}`,
        arrived < positions.length ? h("span.quiet", ` so far, ${positions.length - arrived} to come`) : null,
      ),
    !hidden && check(node, pass, output, flat, value),
  );
}

function pathRow(about, k, to, flat, pass) {
  const { trace, timeline } = about;
  const { node: id, slot, add } = trace.backward[k];
  const said = backwardAt(trace, trace.nodes[id], slot, flat, trace.cotangents(id, pass)[0]);
  return h(
    "div.row",
    h("span", about.toStep(timeline.stepOfContribution[k], trace.name(id)), said && h("code.quiet", `  ${said}`)),
    h("span.amount", numberAt(add, flat) ?? "not sampled"),
  );
}

function check(node, pass, output, flat, value) {
  const row = node.check?.find(
    (c) =>
      c.output === output &&
      (!pass || c.pass === pass) &&
      indexText(flat, value.shape) === (c.at.length ? `[${c.at.join(", ")}]` : ""),
  );
  if (!row) return null;
  return h("p.quiet", `finite difference ${format(row.numeric, 8)}: ${agreement(row.analytic, row.numeric)}`);
}
