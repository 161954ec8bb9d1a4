// The graph seen from far, on a canvas: boxes and lines without texts.

/** A canvas of this many pixels of the page, emptied, with a pen for it. */
export function sizeCanvas(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  const pen = canvas.getContext("2d");
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, w, h);
  pen.scale(ratio, ratio);
  return pen;
}

/** lookOf(item): {states, fill}. grain: the least size of a box that can be seen. */
export function paintFromFar(pen, hops, items, theme, lookOf, grain) {
  pen.lineWidth = Math.max(grain / 2, 1);
  pen.strokeStyle = theme.line;
  pen.beginPath();
  for (const { points } of hops) points.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
  for (const item of items) {
    const { states, fill } = lookOf(item);
    const lit = ["forward", "backward", "target", "found"].find((state) => states.includes(state));
    pen.fillStyle = lit ? theme[lit] : (fill ?? (states.includes("ahead") ? theme.line : theme.faint));
    pen.globalAlpha = states.includes("dim") ? 0.25 : 1;
    const [w, h] = [Math.max(grain, item.w), Math.max(grain, item.h)];
    pen.fillRect(item.x - w / 2, item.y - h / 2, w, h);
  }
  pen.globalAlpha = 1;
}
