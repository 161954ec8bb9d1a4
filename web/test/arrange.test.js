import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange } from "../src/arrange.js";
import { groupsOf } from "../src/groups.js";
import { Trace } from "../src/trace.js";
import { chain, modules, reuse } from "./tape.js";

const sizeOf = () => ({ w: 80, h: 40 });
const draw = (document, open = null) => {
  const trace = new Trace(document);
  const tree = groupsOf(trace);
  return { trace, tree, drawing: arrange(trace, tree, open ?? new Set(tree.groups.map((g) => g.id)), sizeOf) };
};
const edge = (box) => ({ left: box.x - box.w / 2, right: box.x + box.w / 2, top: box.y - box.h / 2, bottom: box.y + box.h / 2 });

test("calls of a module are told apart by what lies between them", () => {
  const { tree } = draw(modules());
  assert.deepEqual(
    tree.groups.map((g) => g.path.join(".")),
    ["", "model", "model.0", "model.0", "model.1", "model.1.inner"],
  );
  assert.equal(tree.home[1].id, 2, "a parameter lies in the call that uses it first");
  assert.equal(tree.home[0].id, 0, "an input of the user lies outside all modules");
});

test("every node and group is drawn once, frames hold their own nodes and nothing else", () => {
  const { trace, tree, drawing } = draw(modules());
  assert.equal(drawing.items.length, trace.nodes.length);
  assert.equal(drawing.frames.length, tree.groups.length - 1);
  for (const frame of drawing.frames) {
    const outer = edge(frame);
    for (const item of drawing.items) {
      const inner = edge(item);
      let group = tree.home[item.node];
      while (group && group !== frame.group) group = group.parent;
      const inside =
        inner.left >= outer.left && inner.right <= outer.right && inner.top >= outer.top && inner.bottom <= outer.bottom;
      const outside =
        inner.right <= outer.left || inner.left >= outer.right || inner.bottom <= outer.top || inner.top >= outer.bottom;
      assert.ok(group ? inside : outside, `node ${item.node} and the frame ${frame.group.path.join(".")}`);
    }
  }
});

test("every edge is led by hops from its start to its end", () => {
  const { trace, drawing } = draw(modules());
  const at = new Map(drawing.items.map((item) => [item.node, item]));
  trace.edges.forEach(({ from, to }, e) => {
    const ends = drawing.hops.filter((hop) => hop.edges.includes(e)).map((hop) => [hop.points[0], hop.points.at(-1)]);
    assert.ok(
      ends.some(([[x, y]]) => x === at.get(from).x && y === edge(at.get(from)).bottom),
      `${from} -> ${to} starts at its node`,
    );
    assert.ok(
      ends.some(([, [, y]]) => y === edge(at.get(to)).top),
      `${from} -> ${to} ends at its node`,
    );
    const starts = ends.map(([[x, y]]) => `${x.toFixed(6)} ${y.toFixed(6)}`).sort();
    const stops = ends.map(([, [x, y]]) => `${x.toFixed(6)} ${y.toFixed(6)}`).sort();
    assert.equal(starts.filter((s) => stops.includes(s)).length, ends.length - 1, `the hops of ${from} -> ${to} join`);
  });
});

test("no line cuts a box it does not end at", () => {
  const { drawing } = draw(modules());
  for (const { points } of drawing.hops) {
    for (let i = 1; i < points.length; i++) {
      const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
      for (let t = 0.05; t < 1; t += 0.05) {
        const [x, y] = [x0 + (x1 - x0) * t, y0 + (y1 - y0) * t];
        const cut = drawing.items.filter((box) => Math.abs(box.x - x) < box.w / 2 - 1 && Math.abs(box.y - y) < box.h / 2 - 1);
        assert.deepEqual(
          cut.map(({ key }) => key),
          [],
        );
      }
    }
  }
});

test("closed groups stand for their nodes, and their inner edges are not drawn", () => {
  const { drawing } = draw(modules(), new Set());
  assert.deepEqual(drawing.items.map((item) => item.key).sort(), [0, 8, "g1"]);
  assert.equal(drawing.hops.length, 2);
});

test("x * x comes in twice", () => {
  const document = reuse();
  document.nodes[2].inputs[1] = { node: 0, output: 0 };
  const { drawing } = draw(document);
  const both = drawing.hops.filter((hop) => hop.edges.some((e) => [0, 1].includes(e)));
  assert.equal(both.length, 2);
  assert.notEqual(both[0].points.at(-1)[0], both[1].points.at(-1)[0]);
});

test("the graph of a gradient stands beside, running upwards", () => {
  const document = reuse();
  document.nodes.push({ ...structuredClone(document.nodes[6]), id: 7, pass: 1, made_by: 6, inputs: [{ node: 6, output: 0 }] });
  document.nodes.push({ ...structuredClone(document.nodes[6]), id: 8, pass: 1, made_by: 5, inputs: [{ node: 7, output: 0 }] });
  const { drawing } = draw(document);
  const [seven, eight, six] = [7, 8, 6].map((id) => drawing.items.find((item) => item.node === id));
  assert.ok(seven.x > six.x + six.w && eight.y < seven.y);
  assert.equal(drawing.hops.filter((hop) => hop.across).length, 1);
});

test("5,000 nodes are arranged without recursion", () => {
  const { drawing } = draw(chain(5000));
  assert.equal(drawing.items.length, 5002);
});

test("a trace of one leaf, and of nothing", () => {
  const document = reuse();
  const one = { ...document, nodes: document.nodes.slice(0, 1), passes: [], backward: [] };
  assert.equal(draw(one).drawing.items.length, 1);
  assert.equal(draw({ ...one, nodes: [] }).drawing.items.length, 0);
});
