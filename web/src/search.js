// What the search field understands: words that must all be met. op:, param:, module:, shape:, nan, or a part of a name or of the source.
import { summary } from "./values.js";

const contains = (text, part) => (text ?? "").toLowerCase().includes(part);

const TESTS = {
  op: (trace, node, part) => node.kind === "op" && contains(trace.opName(node), part),
  param: (trace, node, part) => node.kind === "leaf" && contains(node.name, part),
  module: (trace, node, part) => contains(node.module, part),
  shape: (trace, node, part) => node.values.some((value) => value && matches(value.shape, part)),
  nan: (trace, node) => bad(trace, node),
  word: (trace, node, part) =>
    [node.name, trace.opName(node), node.module, node.source?.code].some((text) => contains(text, part)),
};

/** The ids of the nodes that meet a query, in order; null for an empty one. */
export function search(trace, query) {
  const terms = parse(query);
  if (!terms.length) return null;
  return trace.nodes.filter((node) => terms.every(([test, part]) => TESTS[test](trace, node, part))).map((node) => node.id);
}

export function parse(query) {
  const words = query.toLowerCase().match(/\S*\([^)]*\)?|\S+/g) ?? [];
  return words.map((word) => {
    if (word === "nan") return ["nan", ""];
    const [, field, part] = /^(op|param|module|shape):(.*)$/.exec(word) ?? [null, "word", word];
    return [field, part];
  });
}

/** (8, 3), 8,3 or 8x3; * stands for any length, () for a number. */
function matches(shape, part) {
  const wanted = part
    .replace(/[()\s]/g, "")
    .split(/[,x]/)
    .filter(Boolean);
  return wanted.length === shape.length && wanted.every((length, axis) => length === "*" || Number(length) === shape[axis]);
}

/** Whether a value of a node, or its gradient, has an element that is not finite. */
export function bad(trace, node) {
  return node.values.some((value, output) => [value, trace.gradient(node.id, output)].some((v) => v && summary(v).bad > 0));
}
