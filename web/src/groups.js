// The nodes as a tree. Its columns are stretches of time (the value's graph, its gradient's graph, what follows); in a column lies a group
// for each call of a module, in that its nodes. Calls are told apart by time: nodes of one module with others between them are two calls,
// so whatever groups are closed, the graph between them has no cycle.

export class Group {
  constructor(id, parent, path, pass) {
    Object.assign(this, { id, parent, path, pass, children: [], nodes: 0, ops: 0 });
    this.depth = parent ? parent.depth + 1 : 0;
    this.column = parent ? parent.column : this;
  }

  get isColumn() {
    return this.depth === 0;
  }

  get label() {
    return this.path.at(-1);
  }
}

/** groups: parents before children. home: the group of each node. */
export function groupsOf(trace) {
  const groups = [];
  const home = new Array(trace.nodes.length);
  const begin = (parent, path, pass) => {
    const group = new Group(groups.length, parent, path, pass);
    groups.push(group);
    parent?.children.push(group);
    return group;
  };
  const put = (id, group) => {
    home[id] = group;
    for (let g = group; g; g = g.parent) g.nodes++;
  };

  let current = null;
  for (const node of trace.nodes) {
    if (node.kind !== "op") continue;
    const pass = node.pass ?? 0;
    const path = pathOf(trace, node);
    if (current?.column.pass !== pass) current = begin(null, [], pass);
    while (!startsWith(path, current.path)) current = current.parent;
    while (current.path.length < path.length) current = begin(current, path.slice(0, current.path.length + 1), pass);
    put(node.id, current);
    for (let g = current; g; g = g.parent) g.ops++;
  }

  const columns = groups.filter((group) => group.isColumn);
  for (const node of trace.nodes) {
    if (node.kind === "op") continue;
    const user = trace.consumers[node.id][0];
    let group = user ? home[user.to] : (columns[0] ?? begin(null, [], 0));
    const isNumber = node.kind === "const" && !node.name;
    const path = pathOf(trace, node);
    while (!isNumber && !startsWith(path, group.path)) group = group.parent;
    put(node.id, group);
  }
  trace.nodes.forEach((node) => home[node.id].children.push(node.id));
  return { groups, home };
}

/** A node of a gradient's graph belongs to the module of the node whose rule made it. */
function pathOf(trace, node) {
  const module = node.module ?? (node.pass ? trace.nodes[node.made_by]?.module : null);
  return module ? module.split(".") : [];
}

const startsWith = (path, prefix) => prefix.every((part, i) => path[i] === part);

/** For each node what stands for it in the drawing: the outermost closed group around it, or itself. */
export function shown({ groups, home }, open) {
  const closed = new Array(groups.length);
  for (const group of groups)
    closed[group.id] = (group.parent && closed[group.parent.id]) ?? (group.isColumn || open.has(group.id) ? null : group);
  return home.map((group) => closed[group.id]);
}
