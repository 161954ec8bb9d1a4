// The drawing of a tree of groups: every open group is laid out by itself and is then one box of its parent's layout, so its frame holds its
// own nodes and no others. An edge that crosses frames is drawn as hops: to a port in the frame, on from there.
import { layered } from "./layout.js";
import { shown } from "./groups.js";

const PAD = 14;
export const HEADER = 26; // of a frame
const BETWEEN_COLUMNS = 90;

/**
 * sizeOf(item): {w, h} of a node's id or a closed group. Gives
 * items: [{key, node | group, x, y, w, h, column}], centred at (x, y); frames: the same for open groups;
 * hops: [{points, arrow, edges: [positions in trace.edges], far, across}]; columns: their headings; and the size of the whole.
 */
export function arrange(trace, tree, open, sizeOf) {
  const stands = shown(tree, open);
  const rooms = new Map(); // what is laid out by itself: columns and open groups
  for (const group of tree.groups) {
    if (group.isColumn || (open.has(group.id) && (!group.parent || rooms.has(group.parent)))) rooms.set(group, new Room(trace, group));
  }
  for (const [group, room] of rooms) {
    for (const child of group.children) {
      if (child?.path && rooms.has(child)) room.add(child, null);
      else room.add(child, sizeOf(child));
    }
  }
  const across = connect(trace, tree, stands, rooms);
  for (const group of [...rooms.keys()].reverse()) {
    const room = rooms.get(group);
    room.layOut();
    rooms.get(group.parent)?.fit(group, room);
  }
  return collect(trace, [...rooms.values()], rooms, across);
}

/** One open group while it is laid out. Ports lie on its top and bottom line, one for each value that crosses. */
class Room {
  constructor(trace, group) {
    this.group = group;
    this.title = group.isColumn ? "" : titleOf(trace, group);
    this.boxes = [];
    this.at = new Map();
    this.hops = new Map();
  }

  add(item, size) {
    this.at.set(item, this.boxes.length);
    this.boxes.push({ item, ...size });
  }

  /** The box of a new child, or of a value's port in this frame. */
  port(value, pin) {
    const name = `${pin} ${value}`;
    if (!this.at.has(name)) {
      this.at.set(name, this.boxes.length);
      this.boxes.push({ port: name, pin, w: 2, h: 0 });
    }
    return this.at.get(name);
  }

  /** A hop between two boxes; where an end is an open group, the port in its frame that it leads to. */
  hop(from, to, edge, { fromPort = null, toPort = null, slot = null } = {}) {
    const name = `${from} ${fromPort} ${to} ${toPort} ${slot}`;
    if (!this.hops.has(name)) this.hops.set(name, { from, to, fromPort, toPort, edges: [] });
    this.hops.get(name).edges.push(edge);
  }

  fit(child, room) {
    Object.assign(this.boxes[this.at.get(child)], { w: room.width, h: room.height });
  }

  layOut() {
    this.lines = [...this.hops.values()];
    const { centres, routes, width, height } = layered(this.boxes, this.lines.map(({ from, to }) => [from, to]));
    const frame = this.group.isColumn ? { side: 0, top: 0, bottom: 0 } : { side: PAD, top: HEADER, bottom: PAD };
    const least = this.group.isColumn ? 0 : 6.6 * this.title.length + 44;
    const spare = Math.max(0, least - width - 2 * frame.side) / 2;
    const move = ([x, y]) => [x + frame.side + spare, y + frame.top];
    this.width = width + 2 * (frame.side + spare);
    this.height = height + frame.top + frame.bottom;
    this.boxes.forEach((box, i) => ([box.x, box.y] = move(centres[i])));
    for (const box of this.boxes) if (box.pin) box.y = box.pin === "top" ? 0 : this.height;
    this.lines.forEach((line, i) => (line.bends = routes[i]?.map(move) ?? null));
    this.spread();
  }

  /** Lines that end at one box come in side by side, in the order in which they come from the left. */
  spread() {
    const into = new Map();
    for (const line of this.lines) push(into, line.to, line);
    for (const [to, lines] of into) {
      const box = this.boxes[to];
      if (lines.length < 2 || box.pin || lines[0].toPort) continue;
      const gap = Math.min(18, (0.7 * box.w) / lines.length);
      const origin = (line) => (line.bends?.length ? line.bends.at(-1)[0] : this.boxes[line.from].x);
      lines.sort((a, b) => origin(a) - origin(b));
      lines.forEach((line, i) => (line.shift = (i - (lines.length - 1) / 2) * gap));
    }
  }
}

/** Every edge as hops through the rooms between its ends. Gives the edges from one column to another, which no room holds. */
function connect(trace, tree, stands, rooms) {
  const across = [];
  for (const [e, edge] of trace.edges.entries()) {
    const [a, b] = [stands[edge.from] ?? edge.from, stands[edge.to] ?? edge.to];
    if (a === b) continue;
    const roomOf = (item) => (item?.path ? item.parent : tree.home[item]);
    let [roomA, roomB, itemA, itemB] = [roomOf(a), roomOf(b), a, b];
    if (roomA.column !== roomB.column) {
      across.push({ a, b, edge: e });
      continue;
    }
    const value = `${itemKey(a)}.${stands[edge.from] ? 0 : edge.output}`;
    const up = (room, item) => {
      rooms.get(room).hop(rooms.get(room).at.get(item), rooms.get(room).port(value, "bottom"), e, { fromPort: portOf(item, value, "bottom", rooms) });
    };
    const down = (room, item) => {
      rooms.get(room).hop(rooms.get(room).port(value, "top"), rooms.get(room).at.get(item), e, { toPort: portOf(item, value, "top", rooms) });
    };
    while (roomA !== roomB) {
      if (roomA.depth >= roomB.depth) {
        up(roomA, itemA);
        [itemA, roomA] = [roomA, roomA.parent];
      } else {
        down(roomB, itemB);
        [itemB, roomB] = [roomB, roomB.parent];
      }
    }
    const room = rooms.get(roomA);
    const plain = a === edge.from && b === edge.to;
    room.hop(room.at.get(itemA), room.at.get(itemB), e, {
      fromPort: portOf(itemA, value, "bottom", rooms),
      toPort: portOf(itemB, value, "top", rooms),
      slot: plain ? edge.slot : null,
    });
  }
  return across;
}

const portOf = (item, value, pin, rooms) => (item?.path && rooms.has(item) ? `${pin} ${value}` : null);

/** A frame says what its module is called and what kind it is. */
const titleOf = (trace, group) => `${group.label}  ${trace.kindOf(group.path)}`.trim();

export const itemKey = (item) => (item?.path ? `g${item.id}` : item);

/** Everything at its place in the whole. Columns stand side by side; that of a gradient runs upwards, beside what it is the gradient of. */
function collect(trace, list, rooms, across) {
  const drawing = { items: [], frames: [], hops: [], columns: [], width: 0, height: 0 };
  const columns = list.filter((room) => room.group.isColumn);
  drawing.height = columns.reduce((most, room) => Math.max(most, room.height), 0);
  const origin = new Map();
  let x = 0;
  columns.forEach((room, c) => {
    const upwards = room.group.pass > 0;
    if (columns.length > 1) drawing.columns.push({ x: x + room.width / 2, y: -18, text: upwards ? `gradient of pass ${room.group.pass}` : c ? "then" : "value" });
    origin.set(room.group, { x, y: upwards ? drawing.height : 0, sign: upwards ? -1 : 1, column: c });
    x += room.width + BETWEEN_COLUMNS;
  });
  drawing.width = Math.max(0, x - BETWEEN_COLUMNS);
  const where = new Map();
  for (const room of list) {
    const { group } = room;
    if (!origin.has(group)) {
      const outer = origin.get(group.parent);
      const box = rooms.get(group.parent).boxes[rooms.get(group.parent).at.get(group)];
      const [left, top] = [box.x - box.w / 2, box.y - box.h / 2];
      origin.set(group, { ...outer, x: outer.x + left, y: outer.y + outer.sign * top });
    }
    const { x: x0, y: y0, sign, column } = origin.get(group);
    const put = ([px, py]) => [x0 + px, y0 + sign * py];
    for (const box of room.boxes) {
      if (box.pin) continue;
      const [bx, by] = put([box.x, box.y]);
      const placed = { key: itemKey(box.item), x: bx, y: by, w: box.w, h: box.h, column, sign };
      if (box.item?.path) Object.assign(placed, { group: box.item, title: titleOf(trace, box.item) });
      else placed.node = box.item;
      where.set(box.item, placed);
      (rooms.has(box.item) ? drawing.frames : drawing.items).push(placed);
    }
    for (const line of room.lines) drawing.hops.push({ edges: line.edges, ...pathOf(line, room, rooms, put), sign, across: false });
  }
  const pairs = new Map();
  for (const line of across) push(pairs, `${itemKey(line.a)} ${itemKey(line.b)}`, line);
  for (const lines of pairs.values()) drawing.hops.push(acrossColumns(lines, where));
  return drawing;
}

function pathOf(line, room, rooms, put) {
  const [from, to] = [room.boxes[line.from], room.boxes[line.to]];
  const end = (box, port, side) => {
    const y = box.pin ? box.y : box.y + (side * box.h) / 2;
    if (!port) return [box.x, y];
    const inner = rooms.get(box.item);
    return [box.x - box.w / 2 + inner.boxes[inner.at.get(port)].x, y];
  };
  const last = end(to, line.toPort, -1);
  last[0] += line.shift ?? 0;
  const points = [end(from, line.fromPort, 1), ...(line.bends ?? []), last].map(put);
  return { points, far: line.bends === null, arrow: !to.pin && !line.toPort };
}

function acrossColumns(lines, where) {
  const [a, b] = [where.get(lines[0].a), where.get(lines[0].b)];
  const right = b.x > a.x ? 1 : -1;
  const points = [[a.x + (right * a.w) / 2, a.y], [b.x - (right * b.w) / 2, b.y]];
  return { edges: lines.map(({ edge }) => edge), points, far: false, arrow: true, across: true };
}

function push(map, at, item) {
  const list = map.get(at);
  if (list) list.push(item);
  else map.set(at, [item]);
}
