// A formula as it is written in the source, and with numbers in the place of its names.
import { format, numbers, placeOf, range, ravel, unravel } from "./values.js";

/** What a lambda or a one-line function computes; null if it is longer than that. */
export function expression(code) {
  const text = code?.trim() ?? "";
  const lambda = /^lambda\b[^:]*:\s*/.exec(text);
  if (lambda) return text.slice(lambda[0].length);
  const body = text
    .replace(/("""|''')[\s\S]*?\1/, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line && !/^(@|#|def )/.test(line));
  return body.length === 1 && body[0].startsWith("return ") ? body[0].slice(7).replace(/\bxp\./g, "") : null;
}

/** The expression with the names that are known replaced by numbers; null if none is. Attributes, calls and keywords stay. */
export function withNumbers(text, known) {
  let any = false;
  const put = text.replace(/(?<![.\w])[A-Za-z_]\w*(?!\w|\s*\(|\s*=(?!=)|\.)/g, (name) => {
    if (!known.has(name)) return name;
    any = true;
    const written = format(known.get(name));
    return written.startsWith("−") ? `(${written})` : written;
  });
  return any ? put : null;
}

/** The elements of an output that an element of an input spreads to, where shapes are broadcast; null if they are more than `most`. */
export function spread(flat, from, to, most = 64) {
  const index = unravel(flat, from);
  const lead = to.length - from.length;
  if (lead < 0) return null;
  let found = [[]];
  for (let axis = 0; axis < to.length; axis++) {
    const i = axis - lead;
    const free = i < 0 || from[i] !== to[axis];
    const choices = free ? range(to[axis]) : [index[i]];
    if (found.length * choices.length > most) return null;
    found = found.flatMap((head) => choices.map((k) => [...head, k]));
  }
  return found.map((full) => ravel(full, to));
}

/** The element of a broadcast input that meets an element of the output. */
export function gathered(flat, shape, from) {
  const index = unravel(flat, shape);
  const lead = shape.length - from.length;
  return ravel(
    from.map((n, i) => (n === 1 ? 0 : index[i + lead])),
    from,
  );
}

/** The numbers that the names of an elementwise op stand for at one element of its first output; null where the trace lacks one. */
export function namesAt(trace, node, flat, cotangent = null) {
  const known = new Map();
  const shape = node.values[0]?.shape;
  const put = (name, value) => {
    if (!value) return;
    const place = placeOf(value, gathered(flat, shape, value.shape));
    if (place >= 0) known.set(name, numbers(value)[place]);
  };
  node.inputs.forEach((input, slot) => {
    const name = trace.inputName(node, slot);
    if (input?.node !== undefined) put(name, trace.nodes[input.node].values[input.output ?? 0]);
    else if (typeof input?.constant === "number") known.set(name, input.constant);
  });
  (trace.op(node).outputs ?? ["y"]).forEach((name, output) => known.has(name) || put(name, node.values[output]));
  put("g", cotangent);
  return known;
}

/** An elementwise op's own formula at an element of its output, with numbers; null where it cannot be said in a line. */
export function forwardAt(trace, node, flat) {
  const text = trace.op(node).elementwise && node.values[0] ? expression(trace.op(node).code) : null;
  return text && withNumbers(text, namesAt(trace, node, flat));
}

/** What an elementwise op's rule sends to an element of an input, with numbers: a sum where the input was broadcast. */
export function backwardAt(trace, node, slot, flat, cotangent) {
  const rule = trace.op(node).elementwise && cotangent ? trace.rule(node, slot) : null;
  const text = rule?.inputs.length === 1 ? expression(rule.code) : null;
  const { node: source, output } = node.inputs[slot];
  const [from, to] = [trace.nodes[source].values[output], node.values[0]];
  const places = text && from && to && spread(flat, from.shape, to.shape);
  if (!places?.length) return null;
  const terms = places.slice(0, 3).map((place) => withNumbers(text, namesAt(trace, node, place, cotangent)));
  if (terms.includes(null)) return null;
  return terms.join(" + ") + (places.length > 3 ? ` + … (${places.length} terms)` : "");
}
