// What the panel shows before the first step: what there is, and how to go on.
import { h } from "./dom.js";
import { header, section } from "./parts.js";
import { PATHS } from "./palette.js";
import { formatBytes, size } from "./values.js";

const MOST_LEAVES = 40;

export function overview(about) {
  const { trace, session } = about;
  const { minigrad, numpy, python } = trace.document.meta ?? {};
  const leaves = trace.nodes.filter((node) => node.kind === "leaf");
  const count = leaves.reduce((n, leaf) => n + (leaf.values[0] ? size(leaf.values[0]) : 0), 0);
  const facts = {
    ops: trace.nodes.filter((node) => node.kind === "op").length,
    leaves: `${leaves.length}, with ${count} numbers`,
    "backward passes": trace.passes.length
      ? `${trace.passes.length}, with ${trace.backward.length} contributions`
      : "none recorded",
    "held for backward": `${formatBytes(session.peak)} at most`,
    "made by": [minigrad && `minigrad ${minigrad}`, numpy && `NumPy ${numpy}`, python && `Python ${python}`]
      .filter(Boolean)
      .join(", "),
  };
  return [
    header("Start", "overview", trace.title),
    h(
      "dl.facts",
      Object.entries(facts).map(([name, text]) => [h("dt", name), h("dd", `${text}`)]),
    ),
    session.timeline.length > 0 &&
      section(
        "How to read it",
        h("p", "Data flows down the graph, cotangents flow back up. ", about.toStep(1, "Take the first step"), ", or press →."),
        h("ol", [
          sign(PATHS[0], "a path into the gradient of a node, coloured when its contribution has come"),
          sign("var(--live)", "held in memory for the backward pass"),
        ]),
        h("p", "Click a node to look at it, a module to open it, a number to follow it."),
      ),
    section(
      "Leaves",
      leaves.slice(0, MOST_LEAVES).map((leaf) => h("div.row", about.link(leaf.id), h("span.quiet", trace.shapeText(leaf)))),
      leaves.length > MOST_LEAVES && h("p.quiet", `and ${leaves.length - MOST_LEAVES} more, in the table`),
    ),
  ];
}

const sign = (colour, text) => h("li", h("i.swatch", { style: { "--path": colour } }), text);
