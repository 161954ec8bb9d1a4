// Lines of the graph as path data: soft curves from layer to layer, with a small arrow at the end where the data, or the cotangent, goes.

const ARROW = 4.5;
const STUB = 13;

const curve = ([x0, y0], [x1, y1]) => `C${x0} ${(y0 + y1) / 2} ${x1} ${(y0 + y1) / 2} ${x1} ${y1}`;
const sideways = ([x0, y0], [x1, y1]) => `C${x0 + 50} ${y0} ${x1 - 50} ${y1} ${x1} ${y1}`;

/** The whole line of a hop. */
export function pathOf(hop) {
  const join = hop.across ? sideways : curve;
  return hop.points.map((point, i) => (i ? join(hop.points[i - 1], point) : `M${point[0]} ${point[1]}`)).join("");
}

/** What is drawn of a line too long to be led through the layers, while it is not looked at: its two ends. */
export function stubsOf({ points, sign }) {
  const [[x0, y0], [x1, y1]] = [points[0], points.at(-1)];
  return `M${x0} ${y0}v${sign * STUB}M${x1} ${y1 - sign * STUB}V${y1}`;
}

/** An arrow head at the end of a hop, or at its start, pointing back. */
export function arrowOf({ points, across, sign }, back) {
  const [x, y] = back ? points[0] : points.at(-1);
  if (across) {
    const d = back ? ARROW : -ARROW;
    return `M${x + d} ${y - ARROW}L${x} ${y}L${x + d} ${y + ARROW}`;
  }
  const d = sign * (back ? ARROW : -ARROW);
  return `M${x - ARROW} ${y + d}L${x} ${y}L${x + ARROW} ${y + d}`;
}

/** The box around a hop, for the question whether it is in view. */
export function boundsOf({ points }) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}
