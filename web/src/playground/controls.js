// The line above the page, with what can be opened, and the buttons above the editor.
import { h, hide } from "../dom.js";

const STATES = { passed: "✓ ", "solution shown": "s ", shown: "s ", skipped: "– ", started: "▸ " };

/** opened(place): the reader chose a program ("own", "example:NAME") or an exercise ("exercise:ID"). */
export function header({ examples, opened }) {
  const choose = (event) => event.target.value && opened(event.target.value);
  const programs = h(
    "select",
    { "aria-label": "Programs", onchange: choose },
    h("option", { value: "", disabled: true, hidden: true }, "Programs"),
    h("option", { value: "own" }, "Your program"),
    h("option.shared", { value: "shared", hidden: true }, "From the link"),
    h(
      "optgroup",
      { label: "Examples" },
      examples.map(({ name, title }) => h("option", { value: `example:${name}` }, title)),
    ),
  );
  const exercises = h(
    "select",
    { "aria-label": "Exercises", onchange: choose, disabled: true },
    h("option", { value: "" }, "Exercises …"),
  );
  const status = h("p.status.quiet", { role: "status" }, "");
  const element = h("header", h("h1", "minigrad ", h("span.quiet", "playground")), programs, exercises, status);

  return {
    element,
    say(text, isWrong = false) {
      status.textContent = text;
      status.classList.toggle("wrong", isWrong);
    },
    /** Show which place is open. */
    show(place) {
      if (place === "shared") programs.querySelector(".shared").hidden = false;
      programs.value = place.startsWith("exercise:") ? "" : place;
      exercises.value = place.startsWith("exercise:") ? place : "";
    },
    list({ chapters }, place) {
      const line = ({ id, title, state }) => h("option", { value: `exercise:${id}` }, `${STATES[state] ?? ""}${id}: ${title}`);
      exercises.replaceChildren(
        h("option", { value: "" }, "Exercises …"),
        ...chapters.map((chapter, k) => h("optgroup", { label: `${k + 1} ${chapter.title}` }, chapter.exercises.map(line))),
      );
      exercises.disabled = false;
      this.show(place);
    },
  };
}

/** acts: what each button does, by name. */
export function buttons(acts) {
  const of = (name, label, options = {}) =>
    h("button", { "data-act": name, onclick: acts[name], disabled: true, ...options }, label);
  const made = {
    run: of("run", "Run", { class: "primary", title: "Ctrl+Enter" }),
    check: of("check", "Check", { class: "primary", title: "Ctrl+Enter" }),
    step: of("step", "Step through", { title: "Run, and walk through the last backward pass" }),
    hint: of("hint", "Hint"),
    solution: of("solution", "Solution"),
    stop: of("stop", "Stop"),
    reset: of("reset", "Reset", { title: "The text as it was; Ctrl+Z brings yours back" }),
    link: of("link", "Copy link", { title: "An address that carries this program" }),
    save: of("save", "Save progress", { title: "A file that minigrad learn goes on from" }),
    load: of("load", "Load progress"),
  };
  const groups = {
    program: ["run", "step", "stop", "reset", "link"],
    exercise: ["check", "hint", "solution", "stop", "reset", "save", "load"],
  };
  const element = h("div.buttons", { role: "toolbar", "aria-label": "Actions" }, Object.values(made));

  return {
    element,
    /** Which can be pressed: those of this kind of place, if Python is there and does nothing else. */
    show({ kind, isReady, isBusy, canReset }) {
      for (const [name, button] of Object.entries(made)) {
        hide(button, !groups[kind].includes(name));
        const isFree = name === "link" ? true : name === "stop" ? isBusy : isReady && !isBusy;
        button.disabled = !(isFree && (name !== "reset" || canReset));
      }
    },
  };
}
