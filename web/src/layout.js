// Layered drawing of a graph without cycles, after Sugiyama: every edge points down. Layers by the longest path, order within a layer by
// barycentres, places by least squares with minimal gaps. Loops only, no recursion, so that a chain of any length is drawn.
import { largest } from "./values.js";

const GAP_X = 22;
const GAP_Y = 34;
const GAP_TO_PINS = 8; // the top and bottom line of a frame
const SWEEPS = 8;

/**
 * boxes: [{w, h, pin?: "top" | "bottom"}]; edges: [[from, to]], positions in boxes.
 * Gives {centres: [[x, y]], bands: [[top, bottom]] of each box's layer, routes: [[[x, y], …] | null], width, height}. A route holds the
 * bends between both ends, on which it crosses each layer straight down; null stands for an edge too long to be led through the layers.
 */
export function layered(boxes, edges) {
  const rank = ranks(boxes, edges);
  const { vertices, chains } = withBends(boxes, edges, rank);
  const layers = [];
  for (const v of vertices) (layers[v.rank] ??= []).push(v);
  order(layers);
  const width = place(layers, vertices);
  const height = stack(layers);
  return {
    centres: boxes.map((_, i) => [vertices[i].x, vertices[i].y]),
    bands: boxes.map((_, i) => vertices[i].band),
    routes: chains.map((chain) => chain && chain.flatMap(({ x, band }) => band.map((y) => [x, y]))),
    width,
    height,
  };
}

/** The longest path from a source; sources then move down to just above their first user. */
function ranks(boxes, edges) {
  const n = boxes.length;
  const out = boxes.map(() => []);
  const missing = new Int32Array(n);
  for (const [a, b] of edges) {
    out[a].push(b);
    missing[b]++;
  }
  const isSource = Array.from(missing, (count) => count === 0);
  const rank = new Int32Array(n);
  const queue = [];
  for (let i = 0; i < n; i++) if (isSource[i]) queue.push(i);
  for (let head = 0; head < queue.length; head++) {
    const a = queue[head];
    for (const b of out[a]) {
      rank[b] = Math.max(rank[b], rank[a] + 1);
      if (--missing[b] === 0) queue.push(b);
    }
  }
  for (let i = 0; i < n; i++) {
    if (!isSource[i] || boxes[i].pin === "top" || !out[i].length) continue;
    rank[i] = out[i].reduce((least, b) => Math.min(least, rank[b]), Infinity) - 1;
  }
  const last = largest(rank);
  const shift = boxes.some((box) => box.pin === "top") ? 1 : 0;
  for (let i = 0; i < n; i++)
    rank[i] = boxes[i].pin === "top" ? 0 : boxes[i].pin === "bottom" ? last + shift + 1 : rank[i] + shift;
  return compact(rank);
}

function compact(rank) {
  const used = [...new Set(rank)].sort((a, b) => a - b);
  const dense = new Map(used.map((r, i) => [r, i]));
  return rank.map((r) => dense.get(r));
}

/** An edge over several layers gets a bend in each, the shortest first, as long as bends do not outnumber the boxes by much. */
function withBends(boxes, edges, rank) {
  const vertices = boxes.map((box, i) => ({
    w: box.w,
    h: box.h,
    pin: box.pin,
    rank: rank[i],
    up: [],
    down: [],
    x: 0,
    y: 0,
    order: 0,
    isBend: false,
  }));
  const join = (a, b) => {
    a.down.push(b);
    b.up.push(a);
  };
  const span = ([a, b]) => rank[b] - rank[a];
  const byLength = edges.map((_, e) => e).sort((a, b) => span(edges[a]) - span(edges[b]));
  const chains = new Array(edges.length);
  let budget = 3 * boxes.length + 200;
  for (const e of byLength) {
    const [a, b] = edges[e];
    budget -= span(edges[e]) - 1;
    if (budget < 0) {
      chains[e] = null;
      continue;
    }
    const chain = [];
    let before = vertices[a];
    for (let r = rank[a] + 1; r < rank[b]; r++) {
      const bend = { w: 4, h: 0, rank: r, up: [], down: [], x: 0, y: 0, order: 0, isBend: true };
      vertices.push(bend);
      chain.push(bend);
      join(before, bend);
      before = bend;
    }
    join(before, vertices[b]);
    chains[e] = chain;
  }
  return { vertices, chains };
}

/** Each vertex goes to the mean position of its neighbours in the layer before, sweeping down and up in turn. */
function order(layers) {
  const settle = (layer) => layer.forEach((v, i) => (v.order = i));
  layers.forEach(settle);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    for (let i = 0; i < layers.length; i++) {
      const layer = layers[down ? i : layers.length - 1 - i];
      for (const v of layer) {
        const near = down ? v.up : v.down;
        v.wish = near.length ? near.reduce((sum, u) => sum + u.order, 0) / near.length : v.order;
      }
      layer.sort((a, b) => a.wish - b.wish || a.order - b.order);
      settle(layer);
    }
  }
}

/** x of every vertex, as near to its neighbours as the gaps allow. Edges between bends weigh most, so that long edges run straight. */
function place(layers, vertices) {
  for (const layer of layers) {
    let x = 0;
    for (const v of layer) {
      v.x = x + v.w / 2;
      x += v.w + GAP_X;
    }
    for (const v of layer) v.x -= (x - GAP_X) / 2;
  }
  for (let sweep = 0; sweep < 10; sweep++) {
    const down = sweep % 2 === 0;
    for (let i = 0; i < layers.length; i++) placeLayer(layers[down ? i : layers.length - 1 - i], down ? "up" : "down");
  }
  let [left, right] = [Infinity, -Infinity];
  for (const v of vertices) {
    left = Math.min(left, v.x - v.w / 2);
    right = Math.max(right, v.x + v.w / 2);
  }
  for (const v of vertices) v.x -= left;
  return vertices.length ? right - left : 0;
}

/** Least squares with minimal distances: vertices that want to be closer than allowed are merged into blocks, which move as one. */
function placeLayer(layer, side) {
  const blocks = [];
  let offset = 0;
  layer.forEach((v, i) => {
    if (i) offset += (layer[i - 1].w + v.w) / 2 + GAP_X;
    v.offset = offset;
    let [sum, weight] = [0, 0];
    for (const u of v[side]) {
      const w = v.isBend && u.isBend ? 8 : v.isBend || u.isBend ? 2 : 1;
      sum += w * u.x;
      weight += w;
    }
    if (!weight) [sum, weight] = [0.1 * v.x, 0.1];
    let block = { sum: sum - weight * offset, weight, count: 1 };
    while (blocks.length && blocks.at(-1).sum / blocks.at(-1).weight > block.sum / block.weight) {
      const before = blocks.pop();
      block = { sum: before.sum + block.sum, weight: before.weight + block.weight, count: before.count + block.count };
    }
    blocks.push(block);
  });
  let i = 0;
  for (const block of blocks) {
    for (let k = 0; k < block.count; k++, i++) layer[i].x = block.sum / block.weight + layer[i].offset;
  }
}

/** y of every layer; the vertices of one lie on a line through their middles. */
function stack(layers) {
  let [y, bottom] = [0, 0];
  layers.forEach((layer, i) => {
    const height = largest(layer.map((v) => v.h));
    for (const v of layer) Object.assign(v, { y: y + height / 2, band: [y, y + height] });
    bottom = y + height;
    const pinned = [layer, layers[i + 1] ?? []].some((side) => side.some((v) => v.pin));
    y = bottom + (pinned ? GAP_TO_PINS : GAP_Y);
  });
  return bottom;
}
