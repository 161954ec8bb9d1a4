// What all parts of the panel say in the same way: links, arrays whose elements can be followed, names.
import { arrayView } from "./arrayview.js";
import { h } from "./dom.js";
import { flatIndex, size } from "./values.js";

export class About {
  constructor(session, theme, on) {
    Object.assign(this, { session, theme, on, trace: session.trace, timeline: session.timeline });
  }

  /** An array of, or for, an output of a node. */
  array(label, value, ref = null, hidden = false) {
    const { picked } = this.session;
    const isPicked = ref && picked?.node === ref.node && picked.output === ref.output;
    const onPick = ref && ((flat) => this.on.pick(isPicked && picked.flat === flat ? null : { ...ref, flat }));
    return arrayView(label, value, {
      theme: this.theme,
      hidden,
      name: ref ? this.trace.name(ref.node) : "",
      shape: ref ? this.trace.shapeText(this.trace.nodes[ref.node], ref.output) : "", // where there is no value
      picked: isPicked ? picked.flat : -1,
      onPick,
    });
  }

  link(id, text = this.trace.name(id)) {
    return h("button.link", { onclick: () => this.on.select(id) }, text);
  }

  toStep(step, text) {
    return h("button.link", { onclick: () => this.on.go(step) }, text);
  }

  /** The element of a value to be spoken of: the one that is followed if it reaches this node as one, else the first. */
  element(id, value) {
    const { picked, followed } = this.session;
    if (!value || !size(value)) return null;
    if (picked?.node === id) return picked.flat;
    const reached = followed?.reached.get(id);
    return reached?.size ? [...reached][0] : flatIndex(value, 0);
  }

  subtitle(node) {
    return [node.name ?? `#${node.id}`, node.module, node.pass && `made in pass ${node.pass}`].filter(Boolean).join(" · ");
  }
}
