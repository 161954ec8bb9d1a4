// The graph on the page: SVG for what is in view, as long as that is not too much; for more, a canvas without texts.
import { HEADER } from "./arrange.js";
import { Camera, meets } from "./camera.js";
import { h, hide, s } from "./dom.js";
import { paintFromFar, sizeCanvas } from "./far.js";
import { listen } from "./gestures.js";
import { drawColumn, drawFrame, drawFrameTitle, drawItem, pathMarks } from "./items.js";
import { colourOf, marksOf, stateOf } from "./looks.js";
import { arrowOf, boundsOf, pathOf, stubsOf } from "./paths.js";
import { clamp } from "./values.js";

const MOST_IN_SVG = 300;
const LEGIBLE = 0.25; // the zoom below which nobody reads a text

/** on: {select(node | null), toggle(group), move(view)}. */
export function graphView(on) {
  const camera = new Camera();
  const layers = [s("g"), s("g"), s("g")];
  const [grounds, lines, fronts] = layers;
  const world = s("g", layers);
  const svg = s("svg", { "aria-hidden": "true" }, world);
  const canvas = h("canvas", { "aria-hidden": "true" });
  const element = h("div.graph", { tabindex: "0", role: "group", "aria-label": "Graph of the computation" }, canvas, svg);
  const drawn = new Map(); // name -> element in the SVG
  let [session, theme, boxes, hops, hopsOfEdge, gliding] = [];
  const isFrame = (item) => item.group !== undefined && session.isOpen(item.group);

  /** A new drawing: of another trace, with groups opened or closed, in another theme. */
  function show(shown, colours) {
    [session, theme] = [shown, colours];
    const { drawing } = session;
    boxes = [...drawing.frames, ...drawing.items].map((item) => ({ item, ...around(item) }));
    hops = drawing.hops.map((hop, i) => ({ hop, name: `h${i}`, ...boundsOf(hop) }));
    hopsOfEdge = new Map();
    hops.forEach(({ hop, name }) => hop.edges.forEach((e) => hopsOfEdge.set(e, [...(hopsOfEdge.get(e) ?? []), name])));
    for (const part of drawn.values()) part.remove();
    drawn.clear();
    grounds.replaceChildren(...drawing.columns.map(drawColumn));
    paint();
  }

  /** Brings the page up to date with the session's state and the camera's place. */
  function paint() {
    if (!session) return;
    const { view } = camera;
    const inView = boxes.filter((box) => meets(box, view)).map(({ item }) => item);
    const hopsInView = hops.filter((box) => meets(box, view));
    const isCrowded = inView.length > MOST_IN_SVG || camera.zoom < LEGIBLE;
    hide(svg, isCrowded);
    hide(canvas, !isCrowded);
    if (isCrowded) paintCanvas(inView, hopsInView);
    else paintSvg(inView, hopsInView);
    on.move(view);
  }

  function paintSvg(items, hopsInView) {
    const { width, height, zoom, x, y } = camera;
    world.setAttribute("transform", `translate(${width / 2} ${height / 2}) scale(${zoom}) translate(${-x} ${-y})`);
    const keep = new Set();
    const ensure = (name, layer, make) => {
      keep.add(name);
      if (!drawn.has(name)) {
        drawn.set(name, make());
        layer.append(drawn.get(name));
      }
      return drawn.get(name);
    };
    for (const item of items) {
      if (isFrame(item)) {
        ensure(`f${item.key}`, grounds, () => drawFrame(item));
        ensure(`t${item.key}`, fronts, () => drawFrameTitle(item));
      } else
        dress(
          ensure(`n${item.key}`, fronts, () => drawItem(session.trace, item)),
          item,
        );
    }
    const marked = markedHops();
    for (const { hop, name } of hopsInView)
      dressHop(
        ensure(name, lines, () => s("path")),
        hop,
        marked.get(name) ?? "",
      );
    for (const [name, part] of drawn) {
      if (keep.has(name)) continue;
      part.remove();
      drawn.delete(name);
    }
  }

  /** Classes, colour and marks of an item; only what has changed since is touched. */
  function dress(part, item) {
    const kind = item.group ? "closed" : session.trace.nodes[item.node].kind;
    const marks = marksOf(session, item);
    const { fill = "", ink = "" } = colourOf(session, item, theme) ?? {};
    const names = ["item", kind, ...stateOf(session, item), marks.holds ? "holding" : "", fill ? "tinted" : ""].join(" ");
    if (!changed(part, `${names} ${fill} ${marks.paths} ${marks.arrived}`)) return;
    part.setAttribute("class", names);
    part.style.setProperty("--fill", fill);
    part.style.setProperty("--on-fill", ink);
    part.lastChild.replaceChildren(...pathMarks(item, marks));
  }

  function dressHop(part, hop, mark) {
    const { timeline, trace, step } = session;
    const isAhead = hop.edges.every((e) => timeline.born[trace.edges[e].to] > step);
    const isStub = hop.far && !mark;
    const names = ["hop", mark, isAhead ? "ahead" : "", isStub ? "far" : "", hop.across ? "across" : ""].join(" ");
    if (!changed(part, names)) return;
    part.setAttribute("class", names);
    part.setAttribute("d", isStub ? stubsOf(hop) : pathOf(hop) + (hop.arrow ? arrowOf(hop, mark === "backward") : ""));
  }

  /** Which hops the current step, the followed element or the selected node uses, and how. */
  function markedHops() {
    const { trace, current, followed, selected } = session;
    const marked = new Map();
    const mark = (e, how) => (hopsOfEdge.get(e) ?? []).forEach((name) => marked.set(name, how));
    followed?.edges.forEach((e) => mark(e, "followed"));
    trace.edges.forEach(({ from, to, slot }, e) => {
      if (selected !== null) {
        if (to === selected || from === selected) mark(e, "near");
      } else if (to === current?.node) {
        if (current.phase === "forward") mark(e, "forward");
        if (current.phase === "backward" && slot === current.slot) mark(e, "backward");
      }
    });
    return marked;
  }

  function paintCanvas(items, hopsInView) {
    const { width, height, zoom, x, y } = camera;
    const pen = sizeCanvas(canvas, width, height);
    pen.translate(width / 2, height / 2);
    pen.scale(zoom, zoom);
    pen.translate(-x, -y);
    const near = hopsInView.map(({ hop }) => hop).filter((hop) => !hop.far);
    const lookOf = (item) => ({ states: stateOf(session, item), fill: colourOf(session, item, theme)?.fill });
    paintFromFar(
      pen,
      near,
      items.filter((item) => !isFrame(item)),
      theme,
      lookOf,
      1 / zoom,
    );
  }

  /** Moves so that an item is in view, if it is not: gliding, unless the reader wants less motion or it is far. */
  function reveal(item) {
    const { x, y, height, zoom } = camera;
    if (!item || !camera.show(item, session.drawing)) return;
    const to = { x: camera.x, y: camera.y };
    const isNear = Math.hypot(to.x - x, to.y - y) * zoom < 2 * height;
    if (!isNear || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    cancelAnimationFrame(gliding);
    const begin = performance.now();
    const frame = (now) => {
      const share = clamp((now - begin) / 180, 0, 1);
      const eased = 1 - (1 - share) ** 3;
      moveTo(x + (to.x - x) * eased, y + (to.y - y) * eased);
      if (share < 1) gliding = requestAnimationFrame(frame);
    };
    Object.assign(camera, { x, y });
    gliding = requestAnimationFrame(frame);
  }

  function moveTo(x, y) {
    Object.assign(camera, { x, y });
    paint();
  }

  function zoom(factor, x, y) {
    camera.zoomBy(factor, x, y);
    paint();
  }

  function pan(dx, dy) {
    camera.pan(dx, dy);
    paint();
  }

  function click(px, py) {
    const item = itemAt(...camera.toDrawing(px, py));
    if (item?.group) on.toggle(item.group);
    else on.select(item ? item.node : null);
  }

  /** The item at a place; a frame only at its header. */
  function itemAt(x, y) {
    const inside = boxes.filter(({ left, right, top, bottom }) => x >= left && x <= right && y >= top && y <= bottom);
    return inside.map(({ item }) => item).findLast((item) => !isFrame(item) || y <= item.y - item.h / 2 + HEADER);
  }

  function resize() {
    camera.resize(element.clientWidth, element.clientHeight);
    paint();
  }

  function fit() {
    camera.fit(session.drawing);
    paint();
  }

  listen(element, { pan, zoom, click });
  return { element, camera, show, paint, reveal, moveTo, zoom, pan, resize, fit };
}

const around = ({ x, y, w, h: tall }) => ({ left: x - w / 2, right: x + w / 2, top: y - tall / 2, bottom: y + tall / 2 });

function changed(part, look) {
  if (part.look === look) return false;
  part.look = look;
  return true;
}
