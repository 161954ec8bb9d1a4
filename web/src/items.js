// What the graph is drawn of: nodes and closed modules, frames of open ones, headings of columns.
import { s } from "./dom.js";
import { textsOf } from "./looks.js";
import { PATHS } from "./palette.js";
import { range } from "./values.js";

export function drawItem(trace, item) {
  const { title, sub } = textsOf(trace, item.group ?? item.node);
  const [x, y] = [-item.w / 2, -item.h / 2];
  const isOp = item.group || trace.nodes[item.node].kind === "op";
  const box = { x, y, width: item.w, height: item.h, rx: isOp ? 8 : item.h / 2 };
  return s(
    "g",
    { transform: `translate(${item.x} ${item.y})`, "data-key": item.key },
    item.group && s("rect.behind", { ...box, x: x + 4, y: y + 4 }),
    s("rect.box", box),
    s("text.title", { y: sub ? -4 : 4 }, title),
    sub && s("text.sub", { y: 11 }, sub),
    item.group && s("path.sign", { d: `M${x + 10} ${y + 12}h8m-4 -4v8` }),
    s("rect.holds", { x: item.w / 2 - 12, y: y + 6, width: 6, height: 6, rx: 1.5 }),
    s("g"), // the paths into its gradient
  );
}

/** One short bar for each path into the gradient; those that have come are filled. */
export function pathMarks(item, { paths, arrived }) {
  if (paths > 12) return [];
  const width = Math.min(16, (item.w - 20) / paths - 2);
  const left = 1 - (paths * (width + 2)) / 2;
  return range(paths).map((i) => {
    const style = i < arrived ? { fill: PATHS[i % PATHS.length] } : {};
    return s("rect.due", { x: left + i * (width + 2), y: item.h / 2 - 6, width, height: 3, rx: 1.5, style });
  });
}

const corner = (item) => [item.x - item.w / 2, item.y - item.h / 2];

export function drawFrame(item) {
  const [x, y] = corner(item);
  return s("rect.frame", { x, y, width: item.w, height: item.h, rx: 11 });
}

/** Above the lines, which may run through it. */
export function drawFrameTitle(item) {
  const [x, y] = corner(item);
  return s(
    "g.frame-title",
    { "data-key": item.key },
    s("path.sign", { d: `M${x + 11} ${y + 14}h8` }),
    s("text", { x: x + 26, y: y + 18 }, item.title),
  );
}

export const drawColumn = ({ x, y, text }) => s("text.heading", { x, y }, text);
