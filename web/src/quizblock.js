// The question of the quiz at a backward step: one element of what is sent, worked out from the cotangent, the rule, what it reads.
import { h } from "./dom.js";
import { numberAt, section } from "./parts.js";
import { flatIndex, indexText, placeOf } from "./values.js";

const REPLIES = {
  wrong: "Not yet. Look at the rule: put in the cotangent and what it reads.",
  unread: "That is no number: 0.5, -2e-3, 1/3.",
};

export function quizBlock({ trace, session, on }, { position, to }, add) {
  const { picked, quiz } = session;
  const followed = picked?.node === to.node && picked.output === to.output ? placeOf(add, picked.flat) : -1;
  const k = quiz.element(add, followed);
  const place = indexText(flatIndex(add, k), add.shape);
  const reply = h("p.reply", { role: "status" });
  const field = h("input", {
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    "aria-label": "Your answer",
    class: "answer",
  });
  const submit = (event) => {
    event.preventDefault();
    const verdict = quiz.answer(position, field.value, add, k);
    if (verdict === "right") on.answer(`Right: ${numberAt(add, flatIndex(add, k))}.`);
    else reply.textContent = REPLIES[verdict];
  };
  const show = () => {
    quiz.show(position);
    on.answer(`It is ${numberAt(add, flatIndex(add, k))}.`);
  };
  return section(
    quiz.answers.size ? `Quiz · ${quiz.score}` : "Quiz",
    h("p", "What does the rule send to ", h("b", `${trace.name(to.node)}${place}`), "?"),
    h(
      "form",
      { onsubmit: submit },
      field,
      h("button", { type: "submit" }, "Check"),
      h("button.link", { onclick: show }, "show it"),
    ),
    reply,
  );
}
