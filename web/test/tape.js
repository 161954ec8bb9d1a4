// Traces for the tests, made by a small tape: the numbers are those of a real computation and of its backward pass.

const arrays = (shape, data) => ({ shape, dtype: "float64", data });

const OPS = {
  multiply: {
    inputs: ["a", "b"],
    run: (a, b) => a.map((v, k) => v * b[k]),
    rules: { a: ["b", (g, a, b) => g.map((v, k) => v * b[k])], b: ["a", (g, a) => g.map((v, k) => v * a[k])] },
    text: { code: "return a * b", a: "lambda g, b: g * b", b: "lambda g, a: g * a" },
  },
  add: {
    inputs: ["a", "b"],
    run: (a, b) => a.map((v, k) => v + b[k]),
    rules: { a: ["", (g) => g], b: ["", (g) => g] },
    text: { code: "return a + b", a: "lambda g: g", b: "lambda g: g" },
  },
  tanh: {
    inputs: ["x"],
    run: (x) => x.map(Math.tanh),
    rules: { x: ["y", (g, x, y) => g.map((v, k) => v * (1 - y[k] ** 2))] },
    text: { code: "return xp.tanh(x)", x: "lambda g, y: g * (1 - y * y)" },
  },
  sum: {
    inputs: ["x"],
    run: (x) => [x.reduce((a, b) => a + b, 0)],
    rules: { x: ["", (g, x) => x.map(() => g[0])] },
    text: { code: "return x.sum()", x: "lambda g, x: broadcast_to(g, x.shape)" },
  },
};

export class Tape {
  constructor(title = "test") {
    this.trace = { schema: "minigrad-trace/1", meta: { title }, sources: {}, ops: {}, nodes: [], passes: [], backward: [] };
    this.memory = 0;
  }

  leaf(name, data, { shape = [data.length], module = null, kind = "leaf" } = {}) {
    return this.#node({ kind, op: null, name, module, inputs: [], values: [arrays(shape, data)], saved: [] });
  }

  op(name, inputs, { module = null, pass = 0, made_by = undefined, as = null } = {}) {
    const { inputs: names, run, rules, text } = OPS[name];
    this.trace.ops[name] = {
      name,
      doc: `${name} of arrays`,
      inputs: names,
      outputs: ["y"],
      code: text.code,
      elementwise: name !== "sum",
      rules: names.map((input) => ({ inputs: [input], code: text[input], needs: [] })),
    };
    const given = inputs.map((id) => this.trace.nodes[id].values[0]);
    const data = run(...given.map((value) => value.data));
    const value = arrays(name === "sum" ? [] : given[0].shape, data);
    const saved = [...new Set(Object.values(rules).map(([needed]) => needed))].filter(Boolean).map((needed) => ({
      name: needed,
      shape: value.shape,
      dtype: "float64",
      bytes: 8 * data.length,
      memory: needed === "y" ? this.trace.nodes.length : inputs[names.indexOf(needed)],
      held: needed !== "y" && this.trace.nodes[inputs[names.indexOf(needed)]].kind !== "op",
      for: names.filter((input) => rules[input][0] === needed),
    }));
    const refs = inputs.map((node) => ({ node, output: 0 }));
    return this.#node({ kind: "op", op: name, name: as, module, pass, made_by, inputs: refs, values: [value], saved });
  }

  #node(fields) {
    const id = this.trace.nodes.length;
    this.trace.nodes.push({ id, pass: 0, source: null, params: {}, grads: [], ...fields });
    return id;
  }

  /** A backward pass from a scalar. */
  backward(root, options = {}) {
    const { nodes, passes, backward } = this.trace;
    const pass = passes.length + 1;
    const seed = nodes[root].values[0].data.map(() => 1);
    const sums = new Map([[root, seed]]);
    passes.push({
      start: [{ node: root, output: 0, cotangent: arrays(nodes[root].values[0].shape, seed) }],
      create_graph: false,
      ...options,
    });
    for (let id = root; id >= 0; id--) {
      const node = nodes[id];
      const g = sums.get(id);
      if (!g) continue;
      node.grads.push({ pass, output: 0, value: arrays(node.values[0].shape, g) });
      if (node.kind !== "op") continue;
      const { inputs: names, rules } = OPS[node.op];
      const given = node.inputs.map((ref) => nodes[ref.node].values[0].data);
      node.inputs.forEach((to, slot) => {
        if (nodes[to.node].kind === "const") return;
        const rule = rules[names[slot]][1];
        const add = node.op === "tanh" ? rule(g, given[0], node.values[0].data) : rule(g, ...given);
        backward.push({ pass, node: id, slot, to, add: arrays(nodes[to.node].values[0].shape, Array.from(add)) });
        const before = sums.get(to.node);
        sums.set(to.node, before ? before.map((v, k) => v + add[k]) : Array.from(add));
      });
    }
    return this.trace;
  }
}

/** sum(h * tanh(h) + w) with h = x * w: h and w are used twice. */
export function reuse() {
  const tape = new Tape("Reuse");
  const x = tape.leaf("x", [1, -2, 3]);
  const w = tape.leaf("w", [0.3, -0.2, 0.9]);
  const h = tape.op("multiply", [x, w], { as: "h" });
  const a = tape.op("tanh", [h], { as: "a" });
  const b = tape.op("multiply", [h, a], { as: "b" });
  tape.backward(tape.op("sum", [tape.op("add", [b, w])], { as: "loss" }));
  return tape.trace;
}

/** n ops, each taking the last value and often an earlier one. */
export function chain(n) {
  const tape = new Tape(`${n} ops`);
  const values = [tape.leaf("x", [0.1, 0.2, -0.3, 0.4])];
  let state = 7;
  for (let i = 0; i < n; i++) {
    state = (state * 1103515245 + 12345) % 2147483648;
    const earlier = values[Math.max(0, values.length - 2 - (state % 7))];
    values.push(i % 2 ? tape.op("add", [values.at(-1), earlier]) : tape.op("tanh", [values.at(-1)]));
  }
  tape.backward(tape.op("sum", [values.at(-1)]));
  return tape.trace;
}

/** Two calls of one module with an op between them, and a module within a module. */
export function modules() {
  const tape = new Tape("Modules");
  const x = tape.leaf("x", [1, 2]);
  const w = tape.leaf("model.0.weight", [0.5, -1], { module: "model.0" });
  const v = tape.leaf("model.1.inner.weight", [3, 4], { module: "model.1.inner" });
  const a = tape.op("multiply", [x, w], { module: "model.0" });
  const b = tape.op("tanh", [a], { module: "model" });
  const c = tape.op("multiply", [b, w], { module: "model.0" });
  const d = tape.op("multiply", [c, v], { module: "model.1.inner" });
  const e = tape.op("add", [d, b], { module: "model.1" });
  tape.backward(tape.op("sum", [e]));
  return tape.trace;
}
