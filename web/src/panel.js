// The panel beside the graph: what the current step does, or all there is to say about a selected node.
import { About } from "./about.js";
import { backward, start } from "./backward.js";
import { h } from "./dom.js";
import { followedBlock } from "./followed.js";
import { forward } from "./forward.js";
import { overview } from "./overview.js";
import { selected } from "./selected.js";

const PHASES = { forward, start, backward };

/** on: {go(step), select(node), pick(picked | null), enter(node), answer(text)}. */
export function panelFor(session, theme, on) {
  const about = new About(session, theme, on);
  const { current, picked } = session;
  const content =
    session.selected !== null
      ? selected(about, session.selected)
      : current
        ? PHASES[current.phase](about, current)
        : overview(about);
  const asksLater = session.quiz && current?.phase !== "backward";
  return [
    asksLater && h("p.quiet", "Quiz: each backward step asks for a number that its rule sends."),
    picked && followedBlock(about),
    content,
  ];
}
