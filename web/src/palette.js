// Colours that the colour-blind tell apart (Okabe and Ito), and the measures by which nodes may be coloured.
import { numbers, size, summary } from "./values.js";

export const PATHS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"];
export const NEGATIVE = "#0072b2";
export const POSITIVE = "#d55e00";

const SCALES = {
  light: ["#eef3f8", "#7fb8de", "#0b4f7d"],
  dark: ["#1f2833", "#2f78ad", "#cfe9ff"],
};

const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

export function mix(from, to, share) {
  const [a, b] = [channels(from), channels(to)];
  return `#${a
    .map((x, i) =>
      Math.round(x + (b[i] - x) * share)
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;
}

/** The colour of a share between 0 and 1. */
export function scale(share, theme) {
  const [low, middle, high] = SCALES[theme];
  return share < 0.5 ? mix(low, middle, 2 * share) : mix(middle, high, 2 * share - 1);
}

/** Black or white, whichever has more contrast with a colour: they are level where its luminance is 0.18. */
export function inkOn(hex) {
  const [r, g, b] = channels(hex).map((x) => (x / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#000000" : "#ffffff";
}

/** name: in the list; label: in the legend; of: the measure of a node, NaN where it has none; merge: of several; log: by decades. */
export const MEASURES = {
  gradient: {
    name: "gradient",
    label: "size of the gradient (norm)",
    of: (trace, node) => {
      const gradient = trace.gradient(node.id);
      return gradient ? summary(gradient).norm : NaN;
    },
    merge: Math.max,
    log: true,
  },
  bytes: {
    name: "bytes saved",
    label: "bytes saved for the backward pass",
    of: (trace, node) => trace.cost(node),
    merge: (a, b) => a + b,
    log: true,
    unit: "bytes",
  },
  saturation: {
    name: "saturation",
    label: "share of saturated elements",
    of: (trace, node) => saturation(trace.opName(node), node.values[0]),
    merge: Math.max,
    log: false,
  },
};

const SATURATED = {
  tanh: (y) => Math.abs(y) > 0.99,
  sigmoid: (y) => y < 0.01 || y > 0.99,
  softmax: (y) => y > 0.99,
  relu: (y) => y === 0,
};

/** The share of an activation's elements where its slope is, or nearly is, zero. A fused op counts as its last part. */
export function saturation(op, value) {
  const test = SATURATED[op] ?? SATURATED[op.split("_").at(-1)];
  if (!test || !value || !size(value)) return NaN;
  const data = numbers(value);
  return data.reduce((count, y) => count + (test(y) ? 1 : 0), 0) / data.length;
}

/** The measure of every node, its range, and where in it a number lies, from 0 to 1. */
export function measured(trace, name) {
  const measure = MEASURES[name];
  const values = trace.nodes.map((node) => measure.of(trace, node));
  let [low, high] = [Infinity, -Infinity];
  for (const v of values) {
    if (!Number.isFinite(v) || (measure.log && v <= 0)) continue;
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  if (!measure.log) [low, high] = [0, 1];
  const at = measure.log ? (v) => Math.log(v / low) / Math.log(high / low || 1) : (v) => v;
  const share = (v) => (v <= low || !(high > low) ? (v >= high ? 1 : 0) : v >= high ? 1 : at(v));
  return { ...measure, values, low, high, share };
}
