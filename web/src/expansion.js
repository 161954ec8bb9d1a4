// What an op is made of, as a trace of its own: batch norm as the paper's lines, with its own backward pass.
import { SCHEMA } from "./trace.js";

/** The trace document of a node's expansion; the ops and sources are those of the trace around it. */
export function expansionOf(trace, node) {
  const { nodes, backward, output, ops = {} } = node.six_lines;
  const cotangent = backward[0]?.cotangent?.[output.output];
  return {
    ...trace.document,
    schema: SCHEMA,
    ops: { ...trace.ops, ...ops },
    meta: { ...trace.document.meta, title: `${trace.opName(node)} #${node.id} in the paper's lines`, output },
    nodes: nodes.map((node) => ({ ...node, pass: 0, grads: node.grads.map((grad) => ({ ...grad, pass: 1 })) })),
    backward: backward.map((step) => ({ ...step, pass: 1 })),
    passes: cotangent
      ? [{ start: [{ ...output, cotangent }], create_graph: false, retain_graph: false, nodes: nodes.length }]
      : [],
  };
}
