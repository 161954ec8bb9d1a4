// The drawing of a tree of groups: every open group is a room, laid out by itself and then one box of its parent's room, so its frame holds
// its own nodes and no others. An edge that crosses frames is drawn as hops: to a port in the frame, on from there.
import { layered } from "./layout.js";
import { shown } from "./groups.js";
import { push } from "./trace.js";
import { largest } from "./values.js";

const PAD = 14;
export const HEADER = 26; // of a frame
const BETWEEN_COLUMNS = 90;

/**
 * sizeOf(item): {w, h} of a node's id or a closed group. Gives
 * items: [{key, node | group, x, y, w, h}], centred at (x, y); frames: the same for open groups, with a title;
 * hops: [{points, sign: 1 down or -1 up, arrow, far, across, edges: positions in trace.edges}]; columns: headings; width, height.
 */
export function arrange(trace, tree, open, sizeOf) {
  const stands = shown(tree, open);
  const rooms = new Map();
  const boxes = new Map(); // item -> its box in the room around it
  for (const group of tree.groups) {
    if (!group.parent || (open.has(group.id) && rooms.has(group.parent))) rooms.set(group, new Room(group, trace));
  }
  for (const [group, room] of rooms) {
    for (const item of group.children)
      boxes.set(item, room.add({ item, inner: rooms.get(item), ...(rooms.has(item) ? {} : sizeOf(item)) }));
  }
  for (const [group, room] of rooms) room.outside = boxes.get(group);
  const across = connect(trace.edges, (id) => boxes.get(stands[id] ?? id));
  const list = [...rooms.values()];
  for (const room of [...list].reverse()) room.layOut();
  return collect(list, across);
}

/** An open group while it is laid out. Ports lie on its top and bottom line, one for each value that crosses. */
class Room {
  constructor(group, trace) {
    this.group = group;
    this.title = group.parent ? titleOf(group.label, trace.kindOf(group.path)) : "";
    this.boxes = [];
    this.ports = new Map();
    this.hops = new Map();
  }

  add(box) {
    this.boxes.push(Object.assign(box, { room: this, index: this.boxes.length }));
    return box;
  }

  port(value, pin) {
    const name = `${pin} ${value}`;
    if (!this.ports.has(name)) this.ports.set(name, this.add({ pin, w: 2, h: 0 }));
    return this.ports.get(name);
  }

  /** Parallel edges between two nodes keep lines of their own, by their slots; else a value goes from box to box once. */
  hop(from, to, value, edge, slot = "") {
    const name = `${from.index} ${to.index} ${from.inner || to.inner ? value : ""} ${slot}`;
    if (!this.hops.has(name)) this.hops.set(name, { from, to, value, edges: [] });
    this.hops.get(name).edges.push(edge);
  }

  /** To this room's bottom line; gives the box from which the way goes on outside. */
  leave(from, value, edge) {
    this.hop(from, this.port(value, "bottom"), value, edge);
    return this.outside;
  }

  /** From this room's top line; gives the box to which the way leads outside. */
  enter(to, value, edge) {
    this.hop(this.port(value, "top"), to, value, edge);
    return this.outside;
  }

  layOut() {
    const lines = [...this.hops.values()];
    const { centres, bands, routes, width, height } = layered(
      this.boxes,
      lines.map(({ from, to }) => [from.index, to.index]),
    );
    const [side, top, bottom] = this.group.parent ? [PAD, HEADER, PAD] : [0, 0, 0];
    this.width = Math.max(width + 2 * side, this.title && 7.8 * this.title.length + 44);
    this.height = height + top + bottom;
    const move = ([x, y]) => [x + (this.width - width) / 2, y + top];
    for (const box of this.boxes) {
      [box.x, box.y] = move(centres[box.index]);
      box.band = bands[box.index].map((y) => y + top);
      if (box.pin) box.y = box.pin === "top" ? 0 : this.height;
    }
    this.lines = lines.map((line, i) => ({ ...line, bends: routes[i]?.map(move), shift: 0 }));
    spread(this.lines);
    if (this.outside) Object.assign(this.outside, { w: this.width, h: this.height });
  }
}

/** As Python annotates it; the class alone where the name is no other. */
const titleOf = (label, kind) => (kind && kind !== label ? `${label}: ${kind}` : label);

/** Lines that end at one box come in side by side, in the order in which they come from the left. */
function spread(all) {
  const into = new Map();
  for (const line of all) if (!line.to.pin && !line.to.inner) push(into, line.to, line);
  const origin = ({ bends, from }) => bends?.at(-1)?.[0] ?? from.x;
  for (const [to, lines] of into) {
    const gap = Math.min(18, (0.7 * to.w) / lines.length);
    lines.sort((a, b) => origin(a) - origin(b)).forEach((line, i) => (line.shift = (i - (lines.length - 1) / 2) * gap));
  }
}

/** Every edge as hops through the rooms between its ends. Gives the edges from one column to another, which no room holds. */
function connect(edges, boxOf) {
  const across = [];
  edges.forEach((edge, e) => {
    let [from, to] = [boxOf(edge.from), boxOf(edge.to)];
    if (from === to) return;
    const value = `${itemKey(from.item)}.${edge.output}`;
    const slot = from.item === edge.from && to.item === edge.to ? edge.slot : "";
    if (from.room.group.column !== to.room.group.column) across.push({ from, to, e });
    else {
      while (from.room !== to.room) {
        if (from.room.group.depth >= to.room.group.depth) from = from.room.leave(from, value, e);
        else to = to.room.enter(to, value, e);
      }
      from.room.hop(from, to, value, e, slot);
    }
  });
  return across;
}

export const itemKey = (item) => (item?.path ? `g${item.id}` : item);

/** Everything at its place in the whole. Columns stand side by side; that of a gradient runs upwards, beside what it is the gradient of. */
function collect(rooms, across) {
  const drawing = { items: [], frames: [], hops: [], columns: [], width: 0, height: 0 };
  const columns = rooms.filter((room) => !room.group.parent);
  drawing.height = largest(columns.map((room) => room.height));
  columns.forEach((room, c) => {
    const { pass } = room.group;
    const x = drawing.width + (c && BETWEEN_COLUMNS);
    Object.assign(room, { x, y: pass ? drawing.height : 0, sign: pass ? -1 : 1 });
    if (columns.length > 1)
      drawing.columns.push({
        x: x + room.width / 2,
        y: -18,
        text: pass ? `gradient of pass ${pass}` : c ? "what follows" : "value",
      });
    drawing.width = x + room.width;
  });
  for (const room of rooms) {
    const { outside } = room;
    if (outside) {
      const { x, y, sign } = outside.room;
      Object.assign(room, { x: x + outside.x - outside.w / 2, y: y + sign * (outside.y - outside.h / 2), sign });
    }
    const { sign } = room;
    const put = ([x, y]) => [room.x + x, room.y + sign * y];
    for (const { item, inner, pin, w, h, ...box } of room.boxes) {
      if (pin) continue;
      const [x, y] = put([box.x, box.y]);
      const placed = { key: itemKey(item), x, y, w, h, ...(item?.path ? { group: item } : { node: item }) };
      if (inner) drawing.frames.push({ ...placed, title: inner.title });
      else drawing.items.push(placed);
    }
    for (const line of room.lines)
      drawing.hops.push({
        points: pointsOf(line).map(put),
        sign,
        arrow: !line.to.pin && !line.to.inner,
        far: !line.bends,
        edges: line.edges,
      });
  }
  const pairs = new Map();
  for (const line of across) push(pairs, `${itemKey(line.from.item)} ${itemKey(line.to.item)}`, line);
  for (const lines of pairs.values()) drawing.hops.push(acrossColumns(lines));
  return drawing;
}

/** Straight down past what is higher than the box in its layer, then over to the next: so a line cuts no frame. */
function pointsOf({ from, to, value, bends = [], shift }) {
  const at = (box, pin) => (box.inner ? box.x - box.w / 2 + box.inner.port(value, pin).x : box.x);
  const [x0, y0] = [at(from, "bottom"), from.y + from.h / 2];
  const [x1, y1] = [at(to, "top") + shift, to.y - to.h / 2];
  const points = [[x0, y0], [x0, from.band[1]], ...bends, [x1, to.band[0]], [x1, y1]];
  return points.filter(([, y], i) => !i || i === points.length - 1 || (y > y0 + LEVEL && y < y1 - LEVEL));
}

const LEVEL = 3; // what is no more apart counts as one height

/** From side to side, past what lies between. */
function acrossColumns(lines) {
  const [{ from, to }] = lines;
  const side = to.room.x > from.room.x ? 1 : -1;
  const end = ({ room, x, y, w }, half) => [room.x + x + (side * half * w) / 2, room.y + room.sign * y];
  return { points: [end(from, 1), end(to, -1)], sign: 1, arrow: true, far: false, across: true, edges: lines.map(({ e }) => e) };
}
