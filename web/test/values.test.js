import assert from "node:assert/strict";
import { test } from "node:test";
import {
  added,
  digitsShared,
  flatIndex,
  format,
  formatBytes,
  grid,
  indexText,
  numbers,
  placeOf,
  ravel,
  shapeText,
  summary,
  unravel,
} from "../src/values.js";

const value = (shape, data, more = {}) => ({ shape, dtype: "float32", data, ...more });
const sampled = value([10, 6], [1, 2, 3, 4], { sample: { rows: [0, 9], columns: [1, 5] }, stats: { norm: 7, bad: 0 } });

test("numbers that JSON lacks are text", () => {
  assert.deepEqual([...numbers(value([4], ["nan", "inf", "-inf", 1]))], [NaN, Infinity, -Infinity, 1]);
});

test("positions in a sampled array go both ways", () => {
  for (let k = 0; k < 4; k++) assert.equal(placeOf(sampled, flatIndex(sampled, k)), k);
  assert.equal(flatIndex(sampled, 3), 59);
  assert.equal(placeOf(sampled, 0), -1);
  assert.equal(placeOf(value([2], [5, 6]), 1), 1);
  assert.equal(placeOf(value([2], [5, 6]), 2), -1);
});

test("an index and its position go both ways, for a number too", () => {
  for (const shape of [[2, 3, 4], [7], []]) {
    const count = shape.reduce((a, b) => a * b, 1);
    for (let flat = 0; flat < count; flat++) assert.equal(ravel(unravel(flat, shape), shape), flat);
  }
  assert.equal(indexText(5, [2, 3]), "[1, 2]");
  assert.equal(indexText(0, []), "");
});

test("arrays are shown as rows of their last axis, numbers and empty ones too", () => {
  const sizes = (shape, data) => [grid(value(shape, data)).rows.length, grid(value(shape, data)).columns.length];
  assert.deepEqual(sizes([2, 3], [1, 2, 3, 4, 5, 6]), [2, 3]);
  assert.deepEqual(sizes([3], [1, 2, 3]), [1, 3]);
  assert.deepEqual(sizes([], [1]), [1, 1]);
  assert.deepEqual(sizes([0, 3], []), [0, 3]);
  assert.deepEqual(sizes([3, 0], []), [0, 0]);
});

test("a summary leaves out what is not finite, and does not overflow", () => {
  const { mean, min, max, bad, zero } = summary(value([5], [1, 3, "nan", "inf", 0]));
  assert.deepEqual([mean, min, max, bad, zero], [4 / 3, 0, 3, 2, 0.2]);
  assert.ok(Math.abs(summary(value([2], [3e200, 4e200])).norm / 5e200 - 1) < 1e-15);
  assert.equal(summary(value([2], ["nan", "nan"])).norm, 0);
  assert.equal(summary(sampled).norm, 7, "the recorder's own where it gives one");
});

test("a sum of samples is a sample without the statistics of a summand", () => {
  const sum = added(sampled, sampled);
  assert.deepEqual(sum.data, [2, 4, 6, 8]);
  assert.equal(sum.stats, undefined);
  assert.deepEqual(sum.sample, sampled.sample);
});

test("numbers are written as they are read", () => {
  const texts = [0, 1, -0.5, 1 / 3, 123456, 0.00012345, NaN, -Infinity, 99999.9].map((x) => format(x));
  assert.deepEqual(texts, ["0", "1", "−0.5", "0.3333", "1.23e5", "1.23e−4", "nan", "−inf", "100000"]);
  assert.equal(formatBytes(999), "999 B");
  assert.equal(formatBytes(1234567), "1.23 MB");
  assert.equal(shapeText([3]), "(3,)");
  assert.equal(shapeText([]), "()");
});

test("shared digits", () => {
  assert.equal(digitsShared(1, 1), 16);
  assert.equal(digitsShared(0.1234567, 0.1234568), 6);
  assert.equal(digitsShared(1, -1), 0);
  assert.equal(digitsShared(0, 1e-9), 0);
});
