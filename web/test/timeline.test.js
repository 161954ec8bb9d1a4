import assert from "node:assert/strict";
import { test } from "node:test";
import { Timeline, freedAt, liveBytes } from "../src/timeline.js";
import { Trace } from "../src/trace.js";
import { chain, reuse } from "./tape.js";

const timelineOf = (document) => new Timeline(new Trace(document));
const phases = (timeline) => timeline.steps.map(({ phase }) => phase[0]).join("");

test("forward in the order of the ops, a start, then the contributions", () => {
  const timeline = timelineOf(reuse());
  assert.equal(phases(timeline), "fffffsbbbbbbbb");
  assert.equal(timeline.at(0), null);
  assert.equal(timeline.passAt(5), 0);
  assert.equal(timeline.passAt(6), 1);
  assert.equal(timeline.born[0], 0);
  assert.equal(timeline.born[2], 1);
});

test("two passes with forward ops between them", () => {
  const document = reuse();
  const nodes = document.nodes.length;
  document.nodes.push({ ...structuredClone(document.nodes[6]), id: nodes, grads: [] });
  document.passes[0].nodes = nodes;
  document.passes.push({ ...document.passes[0], nodes: nodes + 1 });
  document.backward.push({ ...document.backward[0], pass: 2 });
  assert.equal(phases(timelineOf(document)), "fffffsbbbbbbbbfsb");
});

test("nodes of a recorded gradient appear when the rule that made them runs", () => {
  const document = reuse();
  const id = document.nodes.length;
  document.nodes.push({
    ...structuredClone(document.nodes[6]),
    id,
    pass: 1,
    made_by: 4,
    inputs: [{ node: 6, output: 0 }],
    grads: [],
  });
  const timeline = timelineOf(document);
  const first = timeline.steps.findIndex((step) => step.phase === "backward" && step.node === 4) + 1;
  assert.equal(timeline.born[id], first);
});

test("live bytes: each memory once, leaves not at all, freed when the node has sent all", () => {
  const timeline = timelineOf(reuse());
  const live = [...liveBytes(timeline)];
  // a is kept by tanh and by the second multiply, h by the second multiply: 24 bytes each; x and w live anyway
  assert.deepEqual(live, [0, 0, 24, 48, 48, 48, 48, 48, 48, 48, 48, 24, 0, 0, 0]);
  assert.equal(freedAt(timeline, 4), 11);
  assert.equal(freedAt(timeline, 0), Infinity);
});

test("retain_graph and create_graph free nothing", () => {
  for (const kept of ["retain_graph", "create_graph"]) {
    const document = reuse();
    document.passes[0][kept] = true;
    assert.equal(liveBytes(timelineOf(document)).at(-1), 48);
  }
});

test("5,000 ops", () => {
  const timeline = timelineOf(chain(5000));
  const live = liveBytes(timeline);
  assert.equal(live.at(-1), 0);
  assert.ok(Math.max(...live) > 2000 * 32);
});

test("an empty trace has no steps", () => {
  const document = { ...reuse(), nodes: [], passes: [], backward: [] };
  assert.equal(timelineOf(document).length, 0);
  assert.deepEqual([...liveBytes(timelineOf(document))], [0]);
});
