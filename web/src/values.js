// Arrays as a trace holds them: their numbers, where each lies, what they amount to. A large array carries samples at fixed places.

const decoded = new WeakMap();
const summaries = new WeakMap();

const TEXTS = { nan: NaN, inf: Infinity, "-inf": -Infinity };

/** The numbers of a value, row by row. JSON has no NaN, so those that are not finite are text in the trace. */
export function numbers(value) {
  let found = decoded.get(value);
  if (!found) {
    found = Float64Array.from(value.data, (x) => (typeof x === "string" ? TEXTS[x] : Number(x)));
    decoded.set(value, found);
  }
  return found;
}

/** How many elements the array has; the trace may hold fewer. */
export const size = (value) => value.shape.reduce((product, n) => product * n, 1);

/** The array as rows of its last axis: the indices of those, and of the columns, that are there. */
export function grid(value) {
  if (value.sample) return value.sample;
  const width = value.shape.length ? value.shape.at(-1) : 1;
  return { rows: range(width ? size(value) / width : 0), columns: range(width) };
}

/** 0, 1, … n - 1. */
export const range = (n) => Array.from({ length: n }, (_, i) => i);

export const clamp = (x, low, high) => Math.max(low, Math.min(high, x));

export const largest = (list) => list.reduce((most, x) => (x > most ? x : most), 0);

/** The position in the whole array of the k-th number that is there. */
export function flatIndex(value, k) {
  if (!value.sample) return k;
  const { rows, columns } = value.sample;
  return rows[Math.floor(k / columns.length)] * value.shape.at(-1) + columns[k % columns.length];
}

/** The reverse: which of the numbers that are there lies at this position; -1 if it was not sampled. */
export function placeOf(value, flat) {
  if (!value.sample) return flat < value.data.length ? flat : -1;
  const { rows, columns } = value.sample;
  const width = value.shape.at(-1);
  const row = rows.indexOf(Math.floor(flat / width));
  const column = columns.indexOf(flat % width);
  return row < 0 || column < 0 ? -1 : row * columns.length + column;
}

/** [2, 0, 1] for a position in an array of this shape. */
export function unravel(flat, shape) {
  const index = new Array(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = flat % shape[axis];
    flat = Math.floor(flat / shape[axis]);
  }
  return index;
}

export const ravel = (index, shape) => index.reduce((flat, i, axis) => flat * shape[axis] + i, 0);

export const indexText = (flat, shape) => (shape.length ? `[${unravel(flat, shape).join(", ")}]` : "");

export const shapeText = (shape) => (shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`);

/** min, max, mean, standard deviation, norm, count of what is not finite, share of zeros. Of the samples where the trace has no more. */
export function summary(value) {
  let found = value.stats ?? summaries.get(value);
  if (!found) summaries.set(value, (found = summarize(numbers(value))));
  return found;
}

function summarize(data) {
  let [n, min, max, total, zeros] = [0, Infinity, -Infinity, 0, 0];
  for (const x of data) {
    if (!Number.isFinite(x)) continue;
    n++;
    total += x;
    if (x < min) min = x;
    if (x > max) max = x;
    if (x === 0) zeros++;
  }
  const bad = data.length - n;
  if (!n) return { min: NaN, max: NaN, mean: NaN, std: NaN, norm: 0, bad, zero: 0 };
  const mean = total / n;
  const largest = Math.max(Math.abs(min), Math.abs(max));
  let [spread, squares] = [0, 0];
  for (const x of data) {
    if (!Number.isFinite(x)) continue;
    spread += (x - mean) ** 2;
    squares += largest ? (x / largest) ** 2 : 0; // scaled, so that the square of 1e200 does not overflow
  }
  return { min, max, mean, std: Math.sqrt(spread / n), norm: largest * Math.sqrt(squares), bad, zero: zeros / data.length };
}

/** The sum of two values of one shape, sampled at the same places. Its statistics are those of the samples. */
export function added(a, b) {
  const [x, y] = [numbers(a), numbers(b)];
  const { stats, ...place } = b;
  return { ...place, data: Array.from(x, (v, k) => v + y[k]) };
}

/** A number as it is read: four digits, an exponent where it needs one, a true minus. */
export function format(x, digits = 4) {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "−inf";
  const size = Math.abs(x);
  const text =
    size !== 0 && (size >= 1e5 || size < 1e-3) ? x.toExponential(Math.min(2, digits - 1)) : String(Number(x.toPrecision(digits)));
  return text.replace("e+", "e").replaceAll("-", "−");
}

export function formatBytes(n) {
  if (n < 1000) return `${n} B`;
  const power = Math.min(3, Math.floor(Math.log10(n) / 3));
  return `${Number((n / 1000 ** power).toPrecision(3))} ${["B", "kB", "MB", "GB"][power]}`;
}

/** How many leading decimal digits two numbers share: 16 when they are equal. */
export function digitsShared(a, b) {
  if (a === b) return 16;
  const error = Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b));
  return error < 1 ? Math.min(16, Math.floor(-Math.log10(error))) : 0;
}
