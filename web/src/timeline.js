// The computation as one row of steps: forward ops as they ran, then each backward pass with its contributions, in the order they happened.

export class Timeline {
  /** steps[k] is what happens when the player goes from k to k + 1. */
  constructor(trace) {
    this.trace = trace;
    this.steps = orderOfSteps(trace);
    this.born = new Int32Array(trace.nodes.length); // how many steps must have run until the node is there; leaves are there from the start
    this.stepOfNode = new Map();
    this.stepOfContribution = new Int32Array(trace.backward.length);
    this.lastOfVisit = new Map(); // "pass:node" -> the step after which the node's saved arrays are free
    this.steps.forEach((step, k) => {
      if (step.phase === "forward") {
        this.born[step.node] = k + 1;
        this.stepOfNode.set(step.node, k + 1);
      } else if (step.phase === "backward") {
        this.stepOfContribution[step.position] = k + 1;
        this.lastOfVisit.set(`${step.pass}:${step.node}`, k + 1);
      }
    });
    this.passes = passesAfter(this.steps);
    this.#bearGradients();
  }

  get length() {
    return this.steps.length;
  }

  /** Nodes made by a pass that is itself recorded appear with the first contribution of the node whose rule made them. */
  #bearGradients() {
    const firstOf = new Map();
    const startOf = new Map();
    this.steps.forEach((step, k) => {
      if (step.phase === "start") startOf.set(step.pass, k + 1);
      if (step.phase === "backward" && !firstOf.has(`${step.pass}:${step.node}`)) firstOf.set(`${step.pass}:${step.node}`, k + 1);
    });
    let latest = 0;
    for (const node of this.trace.nodes) {
      if (!node.pass || node.kind !== "op") continue;
      latest = Math.max(startOf.get(node.pass) ?? 0, firstOf.get(`${node.pass}:${node.made_by}`) ?? latest);
      this.born[node.id] = latest;
      this.stepOfNode.set(node.id, latest);
    }
  }

  /** The step just run when k have run; null before the first. */
  at(k) {
    return k > 0 ? this.steps[k - 1] : null;
  }

  /** The pass that is running or has run last after k steps; 0 during the first forward computation. */
  passAt(k) {
    return this.passes[k];
  }

  /** How many of these contributions have arrived after k steps. */
  arrived(positions, k) {
    let n = 0;
    while (n < positions.length && this.stepOfContribution[positions[n]] <= k) n++;
    return n;
  }
}

function passesAfter(steps) {
  const passes = new Int32Array(steps.length + 1);
  steps.forEach((step, k) => (passes[k + 1] = step.pass ?? passes[k]));
  return passes;
}

function orderOfSteps(trace) {
  const steps = [];
  const forward = trace.nodes.filter((node) => node.kind === "op" && !node.pass);
  let next = 0;
  let position = 0;
  const forwardUntil = (id) => {
    for (; next < forward.length && forward[next].id < id; next++) steps.push({ phase: "forward", node: forward[next].id });
  };
  trace.passes.forEach((pass, before) => {
    const number = before + 1;
    forwardUntil(nodesBefore(trace, pass, number));
    steps.push({ phase: "start", pass: number, node: pass.start[0]?.node ?? 0 });
    for (; position < trace.backward.length && trace.backward[position].pass === number; position++) {
      const { node, slot, to } = trace.backward[position];
      steps.push({ phase: "backward", pass: number, position, node, slot, to });
    }
  });
  forwardUntil(Infinity);
  return steps;
}

/** How many nodes there were when a pass began. */
function nodesBefore(trace, pass, number) {
  if (pass.nodes !== undefined) return pass.nodes;
  const made = trace.nodes.find((node) => node.pass === number);
  return made ? made.id : 1 + Math.max(-1, ...pass.start.map((start) => start.node));
}

/** Bytes that the graph holds for the backward passes, after 0, 1, 2, … steps. Shared memory counts once, that of leaves not at all. */
export function liveBytes(timeline) {
  const { trace, born, length } = timeline;
  const spans = new Map(); // memory -> from when to when somebody holds it
  for (const node of trace.nodes) {
    for (const { memory, bytes, held } of node.saved ?? []) {
      if (held || !bytes) continue;
      const { from, until } = spans.get(memory) ?? { from: Infinity, until: 0 };
      spans.set(memory, { bytes, from: Math.min(from, born[node.id]), until: Math.max(until, freedAt(timeline, node.id)) });
    }
  }
  const live = new Float64Array(length + 1);
  for (const { bytes, from, until } of spans.values()) {
    live[from] += bytes;
    if (until <= length) live[until] -= bytes;
  }
  for (let k = 1; k <= length; k++) live[k] += live[k - 1];
  return live;
}

/** Whether a node lets go of what it saved after this step: it is the last of its visit, and the pass keeps nothing for another. */
export function frees(timeline, step, k) {
  if (step?.phase !== "backward" || timeline.lastOfVisit.get(`${step.pass}:${step.node}`) !== k) return false;
  const pass = timeline.trace.passes[step.pass - 1];
  return !(pass.retain_graph ?? pass.create_graph);
}

/** The step after which what a node saved is free; Infinity if that is never. */
export function freedAt(timeline, node) {
  for (let pass = 1; pass <= timeline.trace.passes.length; pass++) {
    const k = timeline.lastOfVisit.get(`${pass}:${node}`);
    if (k !== undefined && frees(timeline, timeline.at(k), k)) return k;
  }
  return Infinity;
}
