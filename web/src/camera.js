// Which part of the drawing is in view: a centre in the drawing's own units, and how many pixels one of them takes. No DOM.

import { clamp } from "./values.js";

const CLOSEST = 2.5;
const FARTHEST = 0.04; // farther off a box is no longer seen; the minimap shows the rest
const READABLE = 0.62;
const MARGIN = 28; // pixels around the drawing

export class Camera {
  constructor() {
    Object.assign(this, { x: 0, y: 0, zoom: 1, width: 600, height: 400 });
  }

  resize(width, height) {
    Object.assign(this, { width: Math.max(1, width), height: Math.max(1, height) });
  }

  get view() {
    const [w, h] = [this.width / this.zoom / 2, this.height / this.zoom / 2];
    return { left: this.x - w, right: this.x + w, top: this.y - h, bottom: this.y + h };
  }

  /** The whole drawing in view, never larger than life. */
  fit({ width, height }, margin = MARGIN) {
    const zoom = Math.min((this.width - 2 * margin) / Math.max(1, width), (this.height - 2 * margin) / Math.max(1, height), 1.15);
    Object.assign(this, { x: width / 2, y: height / 2, zoom: Math.max(zoom, FARTHEST) });
    return this.zoom;
  }

  /** At first: all of it if it can be read so; else as wide as can be read, from the top, at a place that leaves no side empty. */
  start(drawing, centre = drawing.width / 2) {
    if (this.fit(drawing) >= READABLE) return;
    this.zoom = clamp((this.width - 2 * MARGIN) / drawing.width, READABLE, 1);
    const edge = Math.min((this.width / 2 - MARGIN) / this.zoom, drawing.width / 2);
    this.x = clamp(centre, edge, drawing.width - edge);
    this.y = (this.height / 2 - MARGIN) / this.zoom;
  }

  pan(dx, dy) {
    this.x -= dx / this.zoom;
    this.y -= dy / this.zoom;
  }

  /** Nearer by a factor; the point under the pointer stays where it is. */
  zoomBy(factor, px = this.width / 2, py = this.height / 2) {
    const [x, y] = this.toDrawing(px, py);
    this.zoom = clamp(this.zoom * factor, FARTHEST, CLOSEST);
    this.x = x - (px - this.width / 2) / this.zoom;
    this.y = y - (py - this.height / 2) / this.zoom;
  }

  toDrawing(px, py) {
    return [this.x + (px - this.width / 2) / this.zoom, this.y + (py - this.height / 2) / this.zoom];
  }

  /** Brings an item into view, if it is not well inside: a little sideways, up or down to the upper part. True if there was a move. */
  show(item, { height }) {
    const [x, y] = [this.x, this.y];
    const { left, right, top, bottom } = this.view;
    const side = Math.min((right - left) / 4, item.w / 2 + MARGIN / this.zoom);
    const above = Math.min((bottom - top) / 4, item.h / 2 + (2 * MARGIN) / this.zoom);
    this.x += Math.min(0, item.x - side - left) + Math.max(0, item.x + side - right);
    const isWhole = top <= 0 && bottom >= height;
    if (!isWhole && (item.y - above < top || item.y + above > bottom)) {
      const half = (bottom - top) / 2;
      const margin = MARGIN / this.zoom;
      this.y = clamp(item.y + half / 4, half - margin, Math.max(half, height - half) + margin);
    }
    return x !== this.x || y !== this.y;
  }
}

export const meets = (box, view) =>
  box.right >= view.left && box.left <= view.right && box.bottom >= view.top && box.top <= view.bottom;
