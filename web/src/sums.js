// The sum that a gradient is: one bar, a piece for each path, filled as the contributions come; before, what is added, after.
import { h } from "./dom.js";
import { section } from "./parts.js";
import { PATHS } from "./palette.js";
import { format, numbers, placeOf, summary } from "./values.js";

/** {to, pass, position}: the contribution that is now arriving, null to look at what has come by the current step. */
export function sumBlock(about, { to, pass, position }, hidden) {
  const { trace, session, timeline } = about;
  const all = trace.into(to, pass);
  const arrived = timeline.arrived(all, session.step);
  const now = position === null ? -1 : all.indexOf(position);
  const target = trace.nodes[to.node];
  const name = trace.name(to.node) + (target.values.length > 1 ? `.${trace.outputName(target, to.output)}` : "");
  const sum = (upTo) => trace.sum(to, pass, all[upTo]);
  const pieces = all.map((k, i) => ({ k, i, ...weight(about, trace.backward[k].add, to) }));
  const title = all.length > 1 ? `The sum for ${name}: ${arrived} of ${all.length} paths` : `The gradient of ${name}`;
  const before = now < 0 ? null : sum(now);
  return section(
    title,
    all.length > 1 && !hidden && bar(pieces, arrived),
    all.length > 1 &&
      h(
        "ol.paths",
        pieces.slice(0, 30).map((piece) => pathRow(about, piece, now, arrived, hidden)),
      ),
    before && about.array("sum before", before, to, hidden),
    about.array(arrived < all.length ? "sum so far" : "sum", sum(arrived), to, hidden),
  );
}

/** What a contribution weighs in the bar: its number at the element that is followed, else its norm. */
function weight({ session }, add, to) {
  const { picked } = session;
  const place = picked?.node === to.node && picked.output === to.output ? placeOf(add, picked.flat) : -1;
  if (place >= 0) return { weight: Math.abs(numbers(add)[place]), text: format(numbers(add)[place]) };
  if (add.data.length === 1) return { weight: Math.abs(numbers(add)[0]), text: format(numbers(add)[0]) };
  const { norm } = summary(add);
  return { weight: norm, text: `norm ${format(norm, 3)}` };
}

function bar(pieces, arrived) {
  const piece = ({ weight: w, i }) =>
    h(i < arrived ? "i.came" : "i", {
      style: { flex: `${Number.isFinite(w) && w > 0 ? w : 1e-9} 1 0`, "--path": PATHS[i % PATHS.length] },
    });
  return h("div.bar", { "aria-hidden": "true" }, pieces.map(piece));
}

function pathRow(about, { k, i, text }, now, arrived, hidden) {
  const { trace, timeline } = about;
  const { node, slot } = trace.backward[k];
  const from = `${trace.name(node)}, ${trace.inputName(trace.nodes[node], slot)}`;
  const came = i < arrived;
  return h(
    "li",
    { class: i === now ? "now" : !came && "later" },
    h("i.swatch", { style: { "--path": PATHS[i % PATHS.length] } }),
    about.toStep(timeline.stepOfContribution[k], from),
    h("span.amount", !came ? "to come" : hidden ? "?" : text),
  );
}
