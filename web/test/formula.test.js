import assert from "node:assert/strict";
import { test } from "node:test";
import { backwardAt, expression, forwardAt, gathered, spread, withNumbers } from "../src/formula.js";
import { follow } from "../src/follow.js";
import { Trace } from "../src/trace.js";
import { numbers } from "../src/values.js";
import { reuse } from "./tape.js";

test("what a lambda or a one-line function computes", () => {
  assert.equal(expression("lambda g, y: g * y"), "g * y");
  assert.equal(expression("lambda: 0"), "0");
  assert.equal(expression('@op\ndef exp(xp: Any, x: Any) -> Any:\n    """e**x."""\n    return xp.exp(x)'), "exp(x)");
  assert.equal(expression("def f(\n    xp: Any, x: Any\n) -> Any:\n    return x"), null);
  assert.equal(expression("def f(xp, x):\n    y = x + 1\n    return y"), null);
  assert.equal(expression(null), null);
});

test("numbers take the place of names; attributes, calls and keywords stay", () => {
  const known = new Map([
    ["g", 2],
    ["y", -0.5],
    ["x", 3],
  ]);
  assert.equal(withNumbers("g * (1 - y * y)", known), "2 * (1 - (−0.5) * (−0.5))");
  assert.equal(withNumbers("g.sum(axis=x) + g", known), "g.sum(axis=3) + 2");
  assert.equal(withNumbers("x(g)", known), "x(2)");
  assert.equal(withNumbers("xy * gg", known), null);
});

test("where a broadcast element goes, and where it comes from", () => {
  assert.deepEqual(spread(1, [3], [2, 3]), [1, 4]);
  assert.deepEqual(spread(0, [2, 1], [2, 3]), [0, 1, 2]);
  assert.deepEqual(spread(0, [], [2]), [0, 1]);
  assert.deepEqual(spread(4, [2, 3], [2, 3]), [4]);
  assert.equal(spread(0, [], [100]), null);
  for (const flat of spread(1, [3], [2, 3])) assert.equal(gathered(flat, [2, 3], [3]), 1);
});

test("a formula and a rule with the numbers of one element", () => {
  const trace = new Trace(reuse());
  assert.equal(forwardAt(trace, trace.nodes[2], 1), "(−2) * (−0.2)");
  assert.equal(backwardAt(trace, trace.nodes[2], 1, 0, { shape: [3], dtype: "float64", data: [7, 8, 9] }), "7 * 1");
  assert.equal(forwardAt(trace, trace.nodes[6], 0), null, "a sum is no elementwise op");
});

test("every number of the tape's contributions is what its rule says with numbers put in", () => {
  const trace = new Trace(reuse());
  let checked = 0;
  for (const { node: id, slot, add, pass } of trace.backward) {
    const said = backwardAt(trace, trace.nodes[id], slot, 0, trace.cotangents(id, pass)[0]);
    if (said === null) continue;
    const value = Function(`return ${said.replaceAll("−", "-")}`)();
    assert.ok(Math.abs(value - numbers(add)[0]) < 2e-3, `${said} is ${value}, not ${numbers(add)[0]}`);
    checked++;
  }
  assert.equal(checked, 7);
});

test("an element is followed through elementwise ops as one, through others as all", () => {
  const trace = new Trace(reuse());
  const { reached, edges } = follow(trace, { node: 0, output: 0, flat: 2 });
  assert.deepEqual([...reached.keys()], [0, 2, 3, 4, 5, 6]);
  assert.deepEqual([...reached.get(4)], [2]);
  assert.equal(reached.get(6), null);
  assert.equal(edges.size, 6);
});
