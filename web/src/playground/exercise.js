// One exercise: its statement, what the check found, hints. Everything it says comes from minigrad.learn.
import { h } from "../dom.js";

const MARKS = {
  passed: ["✓", "holds"],
  failed: ["✗", "does not hold"],
  todo: ["▸", "still to be written"],
  untried: ["·", "not tried yet"],
};

export function exercisePanel({ next }) {
  const element = h("section.exercise", { "aria-label": "The exercise", tabindex: "0" });
  let [head, found, hints] = [[], [], []];

  const paint = () => element.replaceChildren(...head, ...found, ...hints);

  return {
    element,

    open({ id, title, statement, minutes, state }) {
      head = [
        h("h2", title),
        h("p.quiet", `${id} · about ${minutes} min${state === "passed" ? " · passed" : ""}`),
        ...statement.map((paragraph) => h("p", paragraph)),
      ];
      [found, hints] = [[h("p.quiet", "Write what is missing, then press Check.")], []];
      paint();
    },

    show(report) {
      hints = [];
      found = [
        h(
          "ul.marks",
          report.marks.map(([mark, sentence]) =>
            h(`li.${mark}`, h("span.mark", { role: "img", "aria-label": MARKS[mark][1] }, MARKS[mark][0]), h("span", sentence)),
          ),
        ),
        report.facts &&
          h(
            `p.facts.${report.outcome === "todo" ? "todo" : "failed"}`,
            report.facts,
            report.line ? ` (line ${report.line})` : "",
          ),
        report.printed && h("details", h("summary", "Your code printed"), h("pre", report.printed)),
        ...(report.outcome === "passed" ? passed(report) : []),
      ].filter(Boolean);
      paint();
      element.scrollTop = 0;
    },

    hint({ level, words }) {
      const hint = h("p.hint", h("b", level ? `Hint ${level} of 3: ` : ""), words);
      if (hints.at(-1)?.textContent !== hint.textContent) hints.push(hint);
      paint();
      element.scrollTop = element.scrollHeight;
    },

    solution(text) {
      hints.push(h("p", "One way to write it:"), h("pre.solution", text));
      paint();
      element.scrollTop = element.scrollHeight;
    },

    say(text) {
      found = [h("p.facts.failed", text)];
      paint();
    },
  };

  function passed({ learns, solution, see, following, closing }) {
    return [
      h("p.passed", h("b", "Passed: "), `${learns}.`),
      h("p", "One way to write it:"),
      h("pre.solution", solution),
      see && h("p.quiet", `In minigrad: ${see}`),
      following ? h("button.primary", { onclick: () => next(following) }, "Next exercise") : h("p", closing),
    ];
  }
}
