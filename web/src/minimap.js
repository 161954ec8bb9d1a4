// All of the graph, small, with the part in view framed. A click or a drag moves there. A long graph becomes a strip.
import { h, hide } from "./dom.js";
import { paintFromFar, sizeCanvas } from "./far.js";
import { clamp } from "./values.js";

const LARGEST = { width: 130, height: 320 }; // and no more than a part of the stage
const SMALLEST = 36;

/** move(x, y): centre the view there. */
export function minimap(move) {
  const element = h("canvas.minimap", { "aria-hidden": "true", onpointerdown: press, onpointermove: go });
  const base = document.createElement("canvas");
  let [drawing, theme, width, height, scaleX, scaleY] = [];

  function press(event) {
    element.setPointerCapture(event.pointerId);
    go(event);
  }

  function go(event) {
    if (event.buttons) move(event.offsetX / scaleX, event.offsetY / scaleY);
  }

  return {
    element,

    /** Draws all items once; fillOf(item) where they are coloured by a measure. */
    show(session, colours, stage, fillOf) {
      drawing = session.drawing;
      theme = colours;
      const [w, tall] = [Math.max(1, drawing.width), Math.max(1, drawing.height)];
      const one = Math.min(Math.min(LARGEST.width, stage.width / 5) / w, Math.min(LARGEST.height, stage.height / 2) / tall);
      [width, height] = [Math.round(Math.max(SMALLEST, w * one)), Math.round(Math.max(SMALLEST, tall * one))];
      [scaleX, scaleY] = [width / w, height / tall];
      sizeCanvas(element, width, height);
      element.style.width = `${width}px`;
      element.style.height = `${height}px`;
      const pen = sizeCanvas(base, width, height);
      pen.scale(scaleX, scaleY);
      paintFromFar(pen, [], drawing.items, theme, (item) => ({ states: [], fill: fillOf(item) }), 1 / Math.min(scaleX, scaleY));
    },

    /** The frame of what is in view, and a dot where the current step is. */
    paint(view, item, kind) {
      if (!drawing) return;
      hide(element, view.left <= 0 && view.top <= 0 && view.right >= drawing.width && view.bottom >= drawing.height);
      const pen = sizeCanvas(element, width, height);
      pen.drawImage(base, 0, 0, width, height);
      if (item) {
        pen.fillStyle = theme[kind];
        pen.beginPath();
        pen.arc(item.x * scaleX, item.y * scaleY, 3.5, 0, 7);
        pen.fill();
      }
      const clip = (from, to, scale, most) => [clamp(from * scale, 0.75, most - 3), clamp(to * scale, 3, most - 0.75)];
      const [left, right] = clip(view.left, view.right, scaleX, width);
      const [top, bottom] = clip(view.top, view.bottom, scaleY, height);
      pen.strokeStyle = theme.forward;
      pen.lineWidth = 1.5;
      pen.strokeRect(left, top, right - left, bottom - top);
    },
  };
}
