// A trace read: edges, consumers, and what each backward step adds to which sum. The trace itself is left as it is.
import { added, numbers, shapeText } from "./values.js";

export const SCHEMA = "minigrad-trace/1";

export class TraceError extends Error {}

export class Trace {
  constructor(document) {
    if (document?.schema !== SCHEMA) {
      const found = document?.schema === undefined ? "has no version" : `is ${JSON.stringify(document.schema)}`;
      throw new TraceError(
        `This explorer reads ${SCHEMA}, and the trace ${found}. Record it again with the minigrad that made this page.`,
      );
    }
    this.document = document;
    this.title = document.meta?.title || "Computation";
    this.nodes = document.nodes;
    this.ops = document.ops ?? {};
    this.passes = document.passes ?? [];
    this.backward = document.backward ?? [];
    this.sources = document.sources ?? {};
    this.modules = document.modules ?? {};
    this.edges = edgesOf(this.nodes);
    this.consumers = this.nodes.map(() => []);
    for (const edge of this.edges) this.consumers[edge.from].push(edge);
    this.#collect();
  }

  /** For each sum the contributions to it, for each node those it sends, as positions in `backward`. A pass starts every sum anew. */
  #collect() {
    this.byTarget = new Map();
    this.bySource = new Map();
    this.lastPass = new Map();
    const reach = (target, pass) => this.lastPass.set(key(target), Math.max(pass, this.lastPass.get(key(target)) ?? 0));
    this.passes.forEach((pass, before) => pass.start.forEach((start) => reach(start, before + 1)));
    this.backward.forEach((step, position) => {
      push(this.byTarget, `${step.pass}:${key(step.to)}`, position);
      push(this.bySource, `${step.pass}:${step.node}`, position);
      reach(step.to, step.pass);
    });
  }

  /** Where a pass starts: outputs of nodes with their first cotangents. Passes are counted from 1. */
  starts(pass) {
    return this.passes[pass - 1]?.start ?? [];
  }

  into(target, pass) {
    return this.byTarget.get(`${pass}:${key(target)}`) ?? [];
  }

  outOf(node, pass) {
    return this.bySource.get(`${pass}:${node}`) ?? [];
  }

  /** The sum for an output before the contribution at a position; all of them without one. Null where nothing has come. */
  sum(target, pass, before = Infinity) {
    let total = this.starts(pass).find((start) => key(start) === key(target))?.cotangent ?? null;
    for (const position of this.into(target, pass)) {
      if (position >= before) break;
      const { add } = this.backward[position];
      total = total ? added(total, add) : add;
    }
    return total;
  }

  /** The cotangents, one for each output, that a node's rules are given in a pass: the sums, but where a hook changed them. */
  cotangents(id, pass) {
    const first = this.backward[this.outOf(id, pass)[0]];
    return this.nodes[id].values.map((_, output) => first?.cotangent?.[output] ?? this.sum({ node: id, output }, pass));
  }

  /** The gradient of an output in the end: of the last pass that reached it. */
  gradient(id, output = 0) {
    const pass = this.lastPass.get(`${id}.${output}`);
    if (pass === undefined) return null;
    const finished = this.nodes[id].grads?.find((grad) => grad.pass === pass && grad.output === output);
    return finished?.value ?? this.sum({ node: id, output }, pass);
  }

  /** Bytes that the graph holds for a node's sake: what it saved, without what lives anyway. */
  cost(node) {
    return (node.saved ?? []).reduce((sum, item) => sum + (item.held ? 0 : item.bytes), 0);
  }

  op(node) {
    return this.ops[node.op] ?? {};
  }

  /** The rule that sends something to an input of a node. */
  rule(node, slot) {
    const name = this.inputName(node, slot);
    return this.op(node).rules?.find((rule) => rule.inputs.includes(name)) ?? null;
  }

  inputName(node, slot) {
    const inputs = this.op(node).inputs ?? [];
    return inputs[Math.min(slot, inputs.length - 1)] ?? `input ${slot}`; // an op of any number of inputs has one name for all
  }

  outputName(node, output) {
    return this.op(node).outputs?.[output] ?? "y";
  }

  /** The shape of an output, written; known of some whose value was not recorded. */
  shapeText(node, output = 0) {
    const shape = node.values[output]?.shape ?? node.shapes?.[output];
    return shape ? shapeText(shape) : "";
  }

  /** The class of a module, such as Linear. */
  kindOf(path) {
    return /^\w*/.exec(this.modules[path.join(".")] ?? "")[0];
  }

  opName(node) {
    return this.op(node).name ?? node.op ?? node.kind;
  }

  /** What a reader calls a node: its name, else its op and number; a constant by its number. */
  name(id) {
    const node = this.nodes[id];
    return node.name ?? (node.kind === "const" ? constantText(node) : null) ?? `${this.opName(node)} #${id}`;
  }
}

export const key = ({ node, output = 0 }) => `${node}.${output}`;

/** A constant of one element reads as its number. */
export function constantText(node) {
  const value = node.values[0];
  return value?.data.length === 1 && !value.sample ? String(Number(numbers(value)[0].toPrecision(4))) : null;
}

function edgesOf(nodes) {
  const edges = [];
  for (const node of nodes) {
    node.inputs.forEach((input, slot) => {
      if (input?.node !== undefined) edges.push({ from: input.node, output: input.output ?? 0, to: node.id, slot });
    });
  }
  return edges;
}

export function push(map, at, item) {
  const list = map.get(at);
  if (list) list.push(item);
  else map.set(at, [item]);
}
