import assert from "node:assert/strict";
import { test } from "node:test";
import { backwardAt } from "../src/formula.js";
import { Trace, TraceError } from "../src/trace.js";
import { numbers } from "../src/values.js";
import { chain, modules, reuse } from "./tape.js";

for (const document of [reuse(), chain(50), modules()]) {
  test(`the sums of contributions are the gradients: ${document.meta.title}`, () => {
    const trace = new Trace(document);
    let compared = 0;
    for (const node of trace.nodes) {
      for (const { pass, output, value } of node.grads) {
        const sum = numbers(trace.sum({ node: node.id, output }, pass));
        numbers(value).forEach((g, k) => assert.ok(Math.abs(g - sum[k]) <= 1e-12 * Math.abs(g) + 1e-300, `node ${node.id}`));
        compared++;
      }
    }
    assert.ok(compared > 5);
  });
}

test("a sum grows with the contributions, and starts with the root's cotangent", () => {
  const trace = new Trace(reuse());
  const h = { node: 2, output: 0 };
  const [first, second] = trace.into(h, 1);
  assert.equal(trace.sum(h, 1, first), null);
  assert.deepEqual(trace.sum(h, 1, second), trace.backward[first].add);
  const loss = trace.nodes.length - 1;
  assert.deepEqual([...numbers(trace.sum({ node: loss, output: 0 }, 1))], [1]);
  assert.deepEqual([...numbers(trace.cotangents(loss, 1)[0])], [1]);
});

test("a hook's cotangent is taken as recorded", () => {
  const document = reuse();
  const step = document.backward.find(({ node }) => node === 2);
  step.cotangent = [{ shape: [3], dtype: "float64", data: [9, 9, 9] }];
  assert.deepEqual([...numbers(new Trace(document).cotangents(2, 1)[0])], [9, 9, 9]);
});

test("a trace of another version is refused in a sentence", () => {
  for (const document of [{ schema: "minigrad-trace/2" }, {}, null, "text"]) {
    assert.throws(
      () => new Trace(document),
      (error) => error instanceof TraceError && /^This explorer reads minigrad-trace\/1, .*\.$/.test(error.message),
    );
  }
});

test("the document is left as it was", () => {
  const document = reuse();
  const before = structuredClone(document);
  const trace = new Trace(document);
  trace.nodes.forEach((node) => trace.gradient(node.id));
  assert.deepEqual(document, before);
});

test("names: its own, a constant's number, the op and its number", () => {
  const document = reuse();
  document.nodes[1] = { ...document.nodes[1], kind: "const", name: null, values: [{ shape: [], dtype: "float64", data: [0.5] }] };
  const trace = new Trace(document);
  assert.deepEqual(
    [0, 1, 2, 5].map((id) => trace.name(id)),
    ["x", "0.5", "h", "add #5"],
  );
});

test("a value that was not recorded has its shape, if that is known", () => {
  const document = reuse();
  Object.assign(document.nodes[2], { values: [null], shapes: [[3]] });
  Object.assign(document.nodes[3], { values: [null] });
  const trace = new Trace(document);
  assert.deepEqual(
    [1, 2, 3].map((id) => trace.shapeText(trace.nodes[id])),
    ["(3,)", "(3,)", ""],
  );
  assert.equal(backwardAt(trace, trace.nodes[4], 0, 0, trace.cotangents(4, 1)[0]), null);
});

test("an op of any number of inputs has one name for all", () => {
  const document = reuse();
  document.ops.add.inputs = ["xs"];
  assert.equal(new Trace(document).inputName(document.nodes[5], 1), "xs");
});
