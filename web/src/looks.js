// How an item of the drawing looks at the current step: its size, its texts, its state, its colour. No DOM.
import { inkOn, scale } from "./palette.js";
import { constantText } from "./trace.js";
import { format, formatBytes } from "./values.js";

const LONGEST = 24;
const CHARACTER = 8.2; // width of one at the size of a title; the style sheet's font is near it

const short = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);
const widthOf = (text, least) => Math.max(least, Math.round(text.length * CHARACTER + 26));

export function sizeOf(trace, item) {
  const { title, sub } = textsOf(trace, item);
  if (item.path) return { w: widthOf(title.length > sub.length ? title : sub, 110) + 14, h: 52 };
  const { kind } = trace.nodes[item];
  if (kind === "const") return { w: widthOf(title, 30) - 8, h: 24 };
  return { w: Math.max(widthOf(title, 76), Math.round(sub.length * 7 + 20)), h: 48 };
}

/** Two lines: what it is, and of which shape. item: a node's id or a group. */
export function textsOf(trace, item) {
  if (item.path) {
    const kind = trace.kindOf(item.path);
    const named = kind && kind !== item.label ? `${kind}, ` : "";
    return { title: short(item.label), sub: short(`${named}${item.ops} ${item.ops === 1 ? "op" : "ops"}`) };
  }
  const node = trace.nodes[item];
  const shape = trace.shapeText(node);
  if (node.kind === "const") return { title: constantText(node) ?? short(node.name ?? shape), sub: "" };
  if (node.kind === "leaf") return { title: short(lastOf(node.name) ?? `leaf ${node.id}`), sub: shape };
  return { title: short(trace.opName(node)), sub: node.name ? `${short(node.name)} ${shape}` : shape };
}

const lastOf = (name) => name?.split(".").at(-1);

/** The state of an item after the current step, as class names. */
export function stateOf(session, item) {
  const { step, timeline, current, followed, found, selected } = session;
  const any = (test) => item.nodes.some(test);
  const classes = [];
  if (!any((id) => timeline.born[id] <= step)) classes.push("ahead");
  if (any((id) => id === selected)) classes.push("selected");
  if (current && any((id) => id === current.node)) classes.push(current.phase === "forward" ? "forward" : "backward");
  if (current?.phase === "backward" && any((id) => id === current.to.node)) classes.push("target");
  if (found) classes.push(any((id) => isIn(found, id)) ? "found" : "dim");
  else if (followed) classes.push(any((id) => followed.reached.has(id)) ? "followed" : "dim");
  return classes;
}

/** found is sorted. */
function isIn(found, id) {
  let [low, high] = [0, found.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (found[middle] < id) low = middle + 1;
    else high = middle;
  }
  return found[low] === id;
}

/** The fill and the ink of an item where nodes are coloured by a measure; null where it has none. */
export function colourOf(session, item, theme) {
  const { measure, quiz, colouredBy } = session;
  if (!measure || (quiz && colouredBy === "gradient")) return null;
  const known = item.nodes.map((id) => measure.values[id]).filter((v) => !Number.isNaN(v));
  if (!known.length) return null;
  const fill = scale(measure.share(known.reduce((a, b) => measure.merge(a, b))), theme.name);
  return { fill, ink: inkOn(fill) };
}

/** The marks on a node: a segment for each path into its gradient, of which some have arrived, and whether it holds memory now. */
export function marksOf(session, item) {
  if (item.group) return { paths: 0, arrived: 0, holds: false };
  const node = session.trace.nodes[item.node];
  const { positions, arrived } = session.progress(item.node);
  const saves = node.kind === "op" && (node.saved ?? []).some((s) => s.bytes && !s.held);
  const holds = saves && session.timeline.born[node.id] <= session.step && session.step < session.freed[node.id];
  return { paths: positions.length, arrived, holds };
}

/** What the legend says about the ends of the scale. */
export function legendOf({ unit, low, high }) {
  const write = unit === "bytes" ? formatBytes : (v) => format(v, 2);
  return Number.isFinite(low) ? [write(low), write(high)] : ["–", "–"];
}

/** The current step in a few words, and what is selected. */
export function sentence({ current, trace, selected }) {
  const step = stepInWords(trace, current);
  return selected === null ? step : `${step} · selected: ${trace.name(selected)}`;
}

function stepInWords(trace, current) {
  if (!current) return "before the first op";
  const op = trace.opName(trace.nodes[current.node]);
  if (current.phase === "forward") return `forward: ${op}`;
  if (current.phase === "start") return `backward starts at ${trace.name(current.node)}`;
  return `backward: ${op} → ${trace.name(current.to.node)}`;
}
