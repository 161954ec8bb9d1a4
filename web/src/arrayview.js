// An array on the page: digits where they fit, else a heat map with the digits on hover. Elements can be picked, by mouse and by keys.
import { h } from "./dom.js";
import { sizeCanvas } from "./far.js";
import { NEGATIVE, POSITIVE, mix } from "./palette.js";
import {
  clamp,
  flatIndex,
  format,
  grid,
  indexText,
  largest,
  numbers,
  placeOf,
  range,
  shapeText,
  size,
  summary,
} from "./values.js";

const DIGITS = { columns: 6, rows: 8 };
const WIDEST = 348; // pixels of the panel
const CELL = { most: 16, least: 3 };
const MOST_ROWS = 120;
const LOW = 16; // rows that need no strips
const STRIP_GAP = 6;

/**
 * label: what it is. options: {name, theme: {back, ink}, picked: position in the whole array or -1, onPick(flat),
 * hidden: the numbers are not to be told}.
 */
export function arrayView(label, value, options) {
  const head = h(
    "div.array-head",
    h("span", label),
    h("span.quiet", value ? `${shapeText(value.shape)} ${value.dtype}` : options.shape),
  );
  if (!value) return h("div.array", head, h("p.quiet", "not recorded"));
  if (!size(value)) return h("div.array", head, h("p.quiet", "empty"));
  if (options.hidden) return h("div.array", head, h("p.quiet", "? hidden by the quiz"));
  const readout = h("output.readout", summaryText(value));
  const tell = (k) =>
    (readout.textContent =
      k < 0
        ? summaryText(value)
        : `${options.name ?? ""}${indexText(flatIndex(value, k), value.shape)} = ${format(numbers(value)[k], 9)}`);
  const { rows, columns } = grid(value);
  const fits = columns.length <= DIGITS.columns && rows.length <= DIGITS.rows;
  const body = fits
    ? digits(value, rows.length, columns.length, options, tell)
    : heatMap(label, value, rows.length, columns.length, options, tell);
  return h("div.array", head, body, readout);
}

export function summaryText(value) {
  const { min, max, mean, std, norm, bad } = summary(value);
  const parts = size(value) === 1 ? [] : [`mean ${format(mean, 3)}`, `std ${format(std, 3)}`, `norm ${format(norm, 3)}`];
  if (size(value) > 9) parts.unshift(`${format(min, 3)} … ${format(max, 3)}`);
  if (bad) parts.push(`${bad} not finite`);
  if (value.sample) parts.push(`${value.data.length} of ${size(value)} shown`);
  return parts.join(" · ");
}

/** How strongly an element is tinted: its part of the largest. */
function tints(value, back) {
  const data = numbers(value);
  const most = largest(data.filter(Number.isFinite).map(Math.abs));
  return (k) => {
    const x = data[k];
    if (Number.isNaN(x)) return "#cc79a7";
    const share = Number.isFinite(x) ? (most ? Math.abs(x) / most : 0) : 1;
    return mix(back, x < 0 ? NEGATIVE : POSITIVE, 0.78 * share);
  };
}

function digits(value, height, width, options, tell) {
  const data = numbers(value);
  const tint = tints(value, options.theme.back);
  const chosen = options.picked >= 0 ? placeOf(value, options.picked) : -1;
  const cell = (k) =>
    h(
      "td",
      {
        class: k === chosen ? "picked" : null,
        style: { "--tint": mix(options.theme.back, tint(k), 0.45) },
        onmouseenter: () => tell(k),
        onmouseleave: () => tell(-1),
      },
      options.onPick
        ? h("button", { onclick: () => options.onPick(flatIndex(value, k)), onfocus: () => tell(k) }, format(data[k]))
        : h("span", format(data[k])),
    );
  return h(
    "table.digits",
    h(
      "tbody",
      range(height).map((i) =>
        h(
          "tr",
          range(width).map((j) => cell(i * width + j)),
        ),
      ),
    ),
  );
}

/** Cells in strips side by side, so that a high and narrow array, such as many small images, fills the width. */
function heatMap(label, value, height, width, options, tell) {
  const edge = clamp(Math.floor(WIDEST / width), CELL.least, CELL.most);
  const count = Math.min(height, MOST_ROWS) * width;
  const strip = stripOf(value, Math.min(height, MOST_ROWS), width * edge);
  const strips = Math.ceil(count / width / strip);
  const pitch = width * edge + STRIP_GAP;
  const [wide, high] = [strips * pitch - STRIP_GAP, Math.min(strip, height) * edge];
  const canvas = h("canvas.heat", {
    tabindex: "0",
    role: "img",
    "aria-label": `${label.textContent ?? label}, ${shapeText(value.shape)}: ${summaryText(value)}. Arrow keys read single elements.`,
  });
  const pen = sizeCanvas(canvas, wide, high);
  canvas.style.width = `${wide}px`;
  const tint = tints(value, options.theme.back);
  const gap = edge > 6 ? 1 : 0;
  const corner = (k) => {
    const row = Math.floor(k / width);
    return [Math.floor(row / strip) * pitch + (k % width) * edge, (row % strip) * edge];
  };
  const frame = (k) => {
    const [x, y] = corner(k);
    pen.strokeRect(x + 1, y + 1, edge - gap - 2, edge - gap - 2);
  };
  const chosen = options.picked >= 0 ? placeOf(value, options.picked) : -1;
  let cursor = Math.max(0, chosen);

  function paint(pointed) {
    pen.clearRect(0, 0, wide, high);
    for (let k = 0; k < count; k++) {
      pen.fillStyle = tint(k);
      pen.fillRect(...corner(k), edge - gap, edge - gap);
    }
    pen.strokeStyle = options.theme.ink;
    pen.lineWidth = 2;
    for (const k of [chosen, pointed]) if (k >= 0 && k < count) frame(k);
    tell(pointed);
  }

  function at({ offsetX: x, offsetY: y }) {
    const row = Math.floor(x / pitch) * strip + Math.floor(y / edge);
    return Math.min(count - 1, row * width + Math.min(width - 1, Math.floor((x % pitch) / edge)));
  }

  function keys(event) {
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -width, ArrowDown: width }[event.key];
    if (event.key === "Enter") options.onPick?.(flatIndex(value, cursor));
    else if (move === undefined) return;
    else if (cursor + move >= 0 && cursor + move < count) paint((cursor += move));
    event.preventDefault();
    event.stopPropagation();
  }

  const listeners = {
    pointermove: (event) => paint(at(event)),
    click: (event) => options.onPick?.(flatIndex(value, at(event))),
    focus: () => paint(cursor),
    pointerleave: () => paint(-1),
    blur: () => paint(-1),
    keydown: keys,
  };
  for (const [name, listener] of Object.entries(listeners)) canvas.addEventListener(name, listener);
  paint(-1);
  return h("div.heat-frame", canvas, count < height * width && h("p.quiet", `the first ${count / width} of ${height} rows`));
}

/** How many rows a strip has: whole images, where the array is made of some. */
function stripOf({ shape, sample }, rows, width) {
  if (rows <= LOW) return rows;
  const most = Math.max(1, Math.floor((WIDEST + STRIP_GAP) / (width + STRIP_GAP)));
  const image = shape.length > 2 && !sample ? shape.at(-2) : 1;
  return Math.ceil(Math.ceil(rows / most) / image) * image;
}
