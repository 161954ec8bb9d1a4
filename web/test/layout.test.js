import assert from "node:assert/strict";
import { test } from "node:test";
import { layered } from "../src/layout.js";

const boxes = (n) => Array.from({ length: n }, () => ({ w: 60, h: 30 }));
const random = (seed) => () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;

function someGraph(n, seed) {
  const next = random(seed);
  const edges = [];
  for (let b = 1; b < n; b++) for (let k = 0; k < 2; k++) edges.push([Math.max(0, b - 1 - Math.floor(next() * 8)), b]);
  return edges;
}

function assertDrawn(sizes, edges, { centres, routes }) {
  edges.forEach(([a, b], e) => {
    const ys = [centres[a], ...(routes[e] ?? []), centres[b]].map(([, y]) => y);
    for (let i = 1; i < ys.length; i++) assert.ok(ys[i] >= ys[i - 1], `edge ${a} -> ${b} does not go down`);
  });
  const byY = new Map();
  centres.forEach(([x, y], i) => byY.set(y, [...(byY.get(y) ?? []), [x, sizes[i].w]]));
  for (const row of byY.values()) {
    row.sort(([a], [b]) => a - b);
    for (let i = 1; i < row.length; i++) {
      assert.ok(row[i][0] - row[i - 1][0] >= (row[i][1] + row[i - 1][1]) / 2, "two boxes of a layer overlap");
    }
  }
}

for (const n of [1, 2, 10, 100, 1000]) {
  test(`every edge goes down and no boxes overlap: ${n} nodes`, () => {
    const [sizes, edges] = [boxes(n), someGraph(n, n)];
    assertDrawn(sizes, edges, layered(sizes, edges));
  });
}

test("nothing to draw", () => assert.deepEqual(layered([], []), { centres: [], bands: [], routes: [], width: 0, height: 0 }));

test("a chain of 10,000 nodes is a straight line", () => {
  const n = 10_000;
  const { centres } = layered(
    boxes(n),
    Array.from({ length: n - 1 }, (_, i) => [i, i + 1]),
  );
  assert.ok(centres.every(([x]) => Math.abs(x - centres[0][0]) < 1e-6));
});

test("a source stands just above its first user", () => {
  const { centres } = layered(boxes(4), [
    [0, 1],
    [1, 2],
    [3, 2],
  ]);
  assert.equal(centres[3][1], centres[1][1]);
});

test("5,000 nodes that all use one value: the edges too long to be led through the layers are left to the drawer", () => {
  const n = 5000;
  const edges = Array.from({ length: n - 1 }, (_, i) => [i, i + 1]);
  for (let b = 2; b < n; b++) edges.push([0, b]);
  const { routes } = layered(boxes(n), edges);
  assert.ok(routes.slice(0, n - 1).every((route) => route.length === 0));
  const far = routes.filter((route) => route === null).length;
  assert.ok(far > 4000 && far < n);
});

test("pinned boxes lie above and below all others", () => {
  const sizes = [{ w: 2, h: 0, pin: "top" }, ...boxes(3), { w: 2, h: 0, pin: "bottom" }];
  const { centres } = layered(sizes, [
    [1, 2],
    [2, 3],
    [0, 3],
    [1, 4],
  ]);
  const ys = centres.map(([, y]) => y);
  assert.equal(Math.min(...ys), ys[0]);
  assert.equal(Math.max(...ys), ys[4]);
});

test("parallel edges keep routes of their own", () => {
  const { routes } = layered(boxes(2), [
    [0, 1],
    [0, 1],
  ]);
  assert.equal(routes.length, 2);
});
