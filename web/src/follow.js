// One element followed to where it goes: forward through every op that uses it, to the outputs it has a say in.
import { spread } from "./formula.js";

/** picked: {node, output, flat}. Gives Map(node -> Set of elements of its first output, or null for all of them) and the edges taken. */
export function follow(trace, picked) {
  const reached = new Map([[picked.node, new Set([picked.flat])]]);
  const edges = new Set();
  trace.edges.forEach(({ from, output, to }, e) => {
    if (!reached.has(from) || (from === picked.node && output !== picked.output)) return;
    edges.add(e);
    reached.set(to, union(reached.get(to), elementsOf(trace, reached.get(from), from, output, to)));
  });
  return { reached, edges };
}

function elementsOf(trace, elements, from, output, to) {
  const node = trace.nodes[to];
  const [before, after] = [trace.nodes[from].values[output]?.shape, node.values[0]?.shape];
  if (!elements || !before || !after || !trace.op(node).elementwise) return null;
  const found = new Set();
  for (const flat of elements) {
    for (const place of spread(flat, before, after) ?? []) found.add(place);
    if (found.size > 64 || spread(flat, before, after) === null) return null;
  }
  return found;
}

/** undefined: nothing yet; null: everything. */
const union = (a, b) => (a === null || b === null ? null : new Set([...(a ?? []), ...b]));
