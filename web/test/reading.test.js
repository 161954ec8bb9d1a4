// What a reader does: search, colour, quiz, look around.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Camera } from "../src/camera.js";
import { expansionOf } from "../src/expansion.js";
import { MEASURES, inkOn, measured, mix, saturation, scale } from "../src/palette.js";
import { Quiz, read } from "../src/quiz.js";
import { parse, search } from "../src/search.js";
import { Session } from "../src/session.js";
import { Trace } from "../src/trace.js";
import { chain, modules, reuse } from "./tape.js";

test("search by op, parameter, module, shape, nan and words, all of which must be met", () => {
  const trace = new Trace(modules());
  assert.equal(search(trace, "  "), null);
  assert.deepEqual(search(trace, "op:mul"), [3, 5, 6]);
  assert.deepEqual(search(trace, "param:inner"), [2]);
  assert.deepEqual(search(trace, "module:model.1"), [2, 6, 7]);
  assert.deepEqual(search(trace, "op:mul module:inner"), [6]);
  assert.deepEqual(search(trace, "shape:()"), [8]);
  assert.equal(search(trace, "shape:(2,)").length, 8);
  assert.deepEqual(search(trace, "shape:*x*"), []);
  assert.deepEqual(search(trace, "TANH"), [4]);
  assert.deepEqual(search(trace, "nan"), []);
  trace.nodes[4].values[0] = { ...trace.nodes[4].values[0], data: [1, "nan"] };
  assert.deepEqual(search(trace, "nan"), [4]);
  assert.deepEqual(parse("shape:(8, 3) nan"), [
    ["shape", "(8, 3)"],
    ["nan", ""],
  ]);
});

test("measures lie between 0 and 1, from the least to the largest", () => {
  const trace = new Trace(reuse());
  for (const name of Object.keys(MEASURES)) {
    const { values, share, low, high } = measured(trace, name);
    for (const v of values.filter((x) => !Number.isNaN(x))) assert.ok(share(v) >= 0 && share(v) <= 1);
    assert.deepEqual([share(low), share(high)], low === high ? [1, 1] : [0, 1], name);
  }
});

test("saturation is where an activation is flat", () => {
  const value = { shape: [4], dtype: "float32", data: [0, 0.5, 0.999, -1] };
  assert.equal(saturation("tanh", value), 0.5);
  assert.equal(saturation("batch_norm_relu", value), 0.25);
  assert.ok(Number.isNaN(saturation("multiply", value)));
});

test("colours of the scale are read on", () => {
  assert.equal(mix("#000000", "#ffffff", 0.5), "#808080");
  const light = (hex) => {
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
    const linear = (x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) + 0.05;
  };
  for (const theme of ["light", "dark"])
    for (let i = 0; i <= 100; i++) {
      const fill = scale(i / 100, theme);
      const [low, high] = [light(fill), light(inkOn(fill))].sort((a, b) => a - b);
      assert.ok(high / low >= 4.5, `${inkOn(fill)} on ${fill}`);
    }
});

test("the quiz takes a number to one per cent, and knows what is no number", () => {
  const quiz = new Quiz();
  const value = { shape: [3], dtype: "float32", data: [0.5, -2, 1e-17] };
  assert.equal(quiz.element(value), 1);
  assert.equal(quiz.element(value, 0), 0);
  assert.equal(quiz.answer(7, "2", value, 1), "wrong");
  assert.ok(quiz.hides(7));
  assert.equal(quiz.answer(7, "-1.99", value, 1), "right");
  assert.ok(!quiz.hides(7));
  assert.equal(quiz.answer(8, "0", value, 2), "right");
  assert.equal(quiz.answer(9, "two", value, 0), "unread");
  quiz.show(9);
  assert.equal(quiz.score, "2 of 3 right");
});

test("numbers as people type them", () => {
  assert.deepEqual(["0.5", "−2e-3", "1/4", "0,25", "inf", "", "x", "1e", "."].map(read), [
    0.5,
    -0.002,
    0.25,
    0.25,
    Infinity,
    null,
    null,
    null,
    null,
  ]);
  assert.ok(Number.isNaN(read("NaN")));
});

test("a session: steps are bounded, closed groups hide nodes until they are revealed", () => {
  const session = new Session(modules());
  session.goTo(1e9);
  assert.equal(session.step, session.timeline.length);
  session.goTo(-1);
  assert.equal(session.step, 0);
  session.toggleAll();
  assert.equal(session.itemOf(6).key, "g1");
  assert.ok(session.reveal(6));
  assert.equal(session.itemOf(6).key, 6);
  assert.ok(!session.reveal(6));
});

test("a session walks along the edges, and on to the next beside", () => {
  const session = new Session(reuse());
  session.selected = 2;
  const inputs = [1, 2, 3].map(() => (session.selected = session.neighbour("inputs")));
  assert.deepEqual(inputs, [0, 1, 0]);
  session.selected = 6;
  assert.equal(session.neighbour("consumers"), null);
});

test("a large graph of modules starts with the inner ones closed", () => {
  const document = chain(500);
  document.nodes.forEach((node) => (node.module = `model.${Math.floor(node.id / 50)}`));
  const { drawing } = new Session(document);
  assert.ok(drawing.items.length <= 60);
  assert.ok(drawing.items.filter((item) => item.group).length >= 10);
});

test("at first the camera shows nothing beside the drawing", () => {
  const camera = new Camera();
  camera.resize(800, 600);
  for (const [width, centre] of [
    [300, 50],
    [2000, 50],
    [2000, 1950],
    [2000, 1000],
  ]) {
    camera.start({ width, height: 5000 }, centre);
    const [left, right] = [camera.view.left * camera.zoom, (camera.view.right - width) * camera.zoom];
    if (width === 300)
      assert.ok(Math.abs(left + right) < 1e-9); // in the middle
    else assert.ok(left >= -28 - 1e-9 && right <= 28 + 1e-9);
  }
});

test("the camera fits what can be read, and keeps the point under the pointer", () => {
  const camera = new Camera();
  camera.resize(800, 600);
  camera.start({ width: 300, height: 300 });
  assert.ok(camera.view.top <= 0 && camera.view.bottom >= 300);
  camera.start({ width: 300, height: 100000 });
  assert.ok(camera.zoom >= 0.6 && camera.view.top <= 0 && camera.view.top > -60);
  const before = camera.toDrawing(100, 200);
  camera.zoomBy(1.7, 100, 200);
  camera.toDrawing(100, 200).forEach((v, i) => assert.ok(Math.abs(v - before[i]) < 1e-9));
  assert.ok(camera.show({ x: 100, y: 50000, w: 80, h: 40 }, { height: 100000 }));
  assert.ok(!camera.show({ x: 100, y: 50000, w: 80, h: 40 }, { height: 100000 }));
});

test("an expansion is a trace of its own, that starts with the cotangent that came", () => {
  const inner = reuse();
  inner.nodes.forEach((node) => (node.pass = 3));
  inner.backward.forEach((step) => (step.pass = 3));
  inner.backward[0].cotangent = [{ shape: [], dtype: "float64", data: [5] }];
  const outer = reuse();
  outer.nodes[3].six_lines = { nodes: inner.nodes, backward: inner.backward, output: { node: 6, output: 0 } };
  const session = new Session(expansionOf(new Trace(outer), outer.nodes[3]));
  assert.equal(session.timeline.steps.map(({ phase }) => phase[0]).join(""), "fffffsbbbbbbbb");
  assert.deepEqual(session.trace.starts(1)[0].cotangent.data, [5]);
});
