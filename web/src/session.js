// What the reader has done with a trace so far: which step, what is open, selected, followed, coloured. No DOM: the page reads it.
import { arrange, itemKey } from "./arrange.js";
import { follow } from "./follow.js";
import { groupsOf, shown } from "./groups.js";
import { measured } from "./palette.js";
import { Quiz } from "./quiz.js";
import { search } from "./search.js";
import { Timeline, freedAt, liveBytes } from "./timeline.js";
import { sizeOf } from "./looks.js";
import { Trace } from "./trace.js";
import { clamp, largest } from "./values.js";

const OPEN_AT_FIRST = 60; // items: a larger graph starts with its inner modules closed

export class Session {
  constructor(document) {
    this.trace = new Trace(document);
    this.timeline = new Timeline(this.trace);
    this.live = liveBytes(this.timeline);
    this.peak = largest(this.live);
    this.freed = this.trace.nodes.map((node) => (node.kind === "op" ? freedAt(this.timeline, node.id) : Infinity));
    this.tree = groupsOf(this.trace);
    this.open = openAtFirst(this.tree);
    this.step = 0;
    this.selected = null; // a node the reader clicked; null: the panel shows the current step
    this.picked = null; // {node, output, flat}: the element that is followed
    this.followed = null;
    this.found = null;
    this.colouredBy = "";
    this.measure = null;
    this.quiz = null;
    this.arrange();
  }

  arrange() {
    this.drawing = arrange(this.trace, this.tree, this.open, (item) => sizeOf(this.trace, item));
    this.stands = shown(this.tree, this.open);
    this.items = new Map(this.drawing.items.map((item) => [item.key, item]));
    for (const item of this.drawing.items) item.nodes = item.group ? membersOf(item.group) : [item.node];
  }

  /** The item of the drawing that is or holds a node. */
  itemOf(id) {
    return this.items.get(itemKey(this.stands[id] ?? id));
  }

  goTo(step) {
    this.step = clamp(step, 0, this.timeline.length);
    this.selected = null;
  }

  get current() {
    return this.timeline.at(this.step);
  }

  /** The node that the panel speaks of. */
  get focus() {
    return this.selected ?? this.current?.node ?? null;
  }

  toggle(group) {
    if (!this.open.delete(group.id)) {
      for (let g = group; g; g = g.parent) this.open.add(g.id);
    }
    this.arrange();
  }

  /** Opens what hides a node. */
  reveal(id) {
    if (!this.stands[id]) return false;
    for (let g = this.tree.home[id]; g; g = g.parent) this.open.add(g.id);
    this.arrange();
    return true;
  }

  isOpen(group) {
    return this.open.has(group.id);
  }

  /** Opens all groups, or closes them if all are open. */
  toggleAll() {
    const all = this.tree.groups.filter((group) => !group.isColumn);
    this.open = new Set(all.every((group) => this.isOpen(group)) ? [] : all.map((group) => group.id));
    this.arrange();
  }

  /** The next node on one side of the one in focus, "inputs" or "consumers": asked again, the one beside it; null where there is none. */
  neighbour(side) {
    if (this.focus === null) return null;
    const isAgain = this.walked?.side === side && this.walked.to === this.focus && this.walked.near.length > 1;
    const { from, near } = isAgain ? this.walked : { from: this.focus, near: this.#beside(this.focus, side) };
    if (!near.length) return null;
    const to = isAgain ? near[(near.indexOf(this.focus) + 1) % near.length] : near[0];
    this.walked = { side, from, to, near };
    return to;
  }

  #beside(id, side) {
    if (side === "consumers") return [...new Set(this.trace.consumers[id].map((edge) => edge.to))];
    return [...new Set(this.trace.nodes[id].inputs.filter((input) => input?.node !== undefined).map((input) => input.node))];
  }

  pick(picked) {
    this.picked = picked;
    this.followed = picked && follow(this.trace, picked);
  }

  search(query) {
    this.found = search(this.trace, query);
  }

  colour(name) {
    this.colouredBy = name;
    this.measure = name ? measured(this.trace, name) : null;
  }

  setQuiz(on) {
    this.quiz = on ? new Quiz() : null;
  }

  /** The sum for an output and how many contributions have arrived after the current step, in the pass that is running. */
  progress(id, output = 0) {
    const pass = this.timeline.passAt(this.step);
    const positions = pass ? this.trace.into({ node: id, output }, pass) : [];
    return { pass, positions, arrived: this.timeline.arrived(positions, this.step) };
  }
}

function openAtFirst({ groups }) {
  const open = new Set();
  let items = groups.filter((group) => group.isColumn).reduce((n, group) => n + group.children.length, 0);
  for (const group of groups) {
    if (group.isColumn || (group.parent && !group.parent.isColumn && !open.has(group.parent.id))) continue;
    if (items + group.children.length > OPEN_AT_FIRST && group.depth > 1) continue;
    open.add(group.id);
    items += group.children.length;
  }
  return open;
}

function membersOf(group) {
  const members = [];
  const waiting = [group];
  while (waiting.length) {
    for (const child of waiting.pop().children) (child.path ? waiting : members).push(child);
  }
  return members;
}
