// The page: an editor, what the program prints, the explorer, the exercises. Python runs in a worker (python.js, worker.js), so the page
// answers while it does, and what was written is never lost.
import { h, hide } from "../dom.js";
import { buttons, header } from "./controls.js";
import { editor } from "./editor.js";
import { exercisePanel } from "./exercise.js";
import { linkTo, programIn } from "./link.js";
import { output } from "./output.js";
import { Python } from "./python.js";
import { store } from "./store.js";

const config = await (await fetch("playground.json")).json();
const python = new Python(config);
const examples = new Map(config.examples.map((example) => [`example:${example.name}`, example.text]));
let place = "own"; // "own", "shared", "example:NAME" or "exercise:ID"
let original = null; // the text that a place began with, where there is one

const head = header({ examples: config.examples, opened: open });
const bar = buttons({ run: () => run(false), step: () => run(true), check, hint, solution, stop, reset, link, save, load });
const written = editor({ changed, keys: [{ key: "Mod-Enter", run: () => (isExercise() ? check() : run(false), true) }] });
const out = output();
const panel = exercisePanel({ next: (id) => open(`exercise:${id}`) });
const explorer = h("mg-explorer.hidden", { "aria-label": "The explorer" });
const notice = h("p.notice.hidden", { role: "note" });
const welcome = h(
  "section.welcome",
  h("h2", "minigrad in your browser"),
  h("p", "Edit the program and press Run. Nothing is installed, and nothing that you write leaves this page."),
  h("p", h("b", "Step through"), " runs it and opens the explorer: forward and backward, one op at a time, with the numbers."),
  h("p", h("code", "show(x)"), " shows a loss in the explorer, an array as a picture, a list of numbers as a curve."),
  h("p", "The ", h("b", "exercises"), " go from the slope of x * x to batch norm. They are checked here, and say what is wrong."),
  h("p.quiet", "Esc, then Tab, leaves the editor by keyboard."),
);
const file = h("input.hidden", { type: "file", accept: ".zip", "aria-label": "A zip with progress", onchange: loaded });

document.body.append(
  head.element,
  h(
    "main",
    h("section.left", { "aria-label": "Program" }, bar.element, notice, written.element, out.element),
    h("section.right", { "aria-label": "Explorer and exercise" }, welcome, panel.element, explorer, file),
  ),
);
written.element.className = "editor";

// Places: which text is in the editor.

const isExercise = () => place.startsWith("exercise:");
const id = () => place.slice("exercise:".length);

async function open(wanted) {
  if (wanted.startsWith("exercise:")) {
    const exercise = await ask({ do: "start", id: wanted.slice("exercise:".length) });
    if (!exercise) return place === wanted ? open("own") : head.show(place);
    panel.open(exercise);
    show(wanted, exercise.text, exercise.text);
  } else
    show(wanted, examples.get(wanted) ?? (wanted === "own" ? examples.values().next().value : ""), examples.get(wanted) ?? null);
  store.keep("place", wanted);
}

function show(wanted, text, from) {
  [place, original] = [wanted, from];
  written.open(store.draft(place) ?? text, isExercise() ? `Answer to ${id()}` : "Program");
  out.clear();
  hide(notice, place !== "shared");
  hide(panel.element, !isExercise());
  hide(out.element, isExercise());
  hide(welcome, isExercise());
  hide(explorer, true);
  head.show(place);
  refresh();
}

function changed(text) {
  if (!store.keepDraft(place, text)) head.say("This browser keeps nothing: copy what you want to keep.", true);
  refresh();
}

function refresh() {
  bar.show({
    kind: isExercise() ? "exercise" : "program",
    isReady: python.isReady,
    isBusy: python.isBusy,
    canReset: original !== null && written.text !== original,
  });
}

// What Python is asked.

/** The answer of a request; null if there is none, which was said then. */
async function ask(request) {
  const asked = python.ask(request);
  refresh();
  const { is, error, stopped, kept } = await asked;
  refresh();
  if (kept) store.keep("course", kept);
  if (stopped) out.note("Stopped. Python was started anew; what you wrote is still here.");
  if (error) head.say(error, true);
  return is ?? null;
}

async function run(step) {
  if (!python.isReady || python.isBusy) return;
  out.clear();
  written.mark(0);
  head.say("running …");
  const done = await ask({ do: "run", text: written.text, step });
  if (!done) return;
  written.mark(done.line);
  head.say(done.ok ? `ran in ${done.seconds.toFixed(2)} s` : "ended by an error, or by Stop");
}

async function check() {
  if (!python.isReady || python.isBusy) return;
  written.mark(0);
  head.say("checking …");
  const report = await ask({ do: "check", id: id(), text: written.text });
  if (!report) return panel.say("The check was stopped.");
  panel.show(report);
  written.mark(report.line);
  head.say({ passed: "passed", todo: "still to be written", failed: "not yet" }[report.outcome] ?? report.outcome);
  list();
}

async function hint() {
  const hint = await ask({ do: "hint", id: id(), text: written.text });
  if (hint) panel.hint(hint);
}

async function solution() {
  const found = await ask({ do: "solution", id: id() });
  if (!found) return;
  if (found.why) head.say(found.why);
  else panel.solution(found.text);
  list();
}

function stop() {
  head.say("stopping …");
  python.stop();
}

async function reset() {
  written.replace(original);
  store.keepDraft(place, null);
  if (isExercise()) await ask({ do: "reset", id: id() });
  refresh();
}

async function link() {
  const address = await linkTo(written.text);
  try {
    await navigator.clipboard.writeText(address);
    head.say(`The link is copied; it carries all ${written.text.length} characters of the program.`);
  } catch {
    out.note("The browser does not let this page copy. Here is the link:");
    out.text(`${address}\n`);
  }
}

async function list() {
  const course = await ask({ do: "exercises" });
  if (course) head.list(course, place);
}

async function save() {
  const packed = await ask({ do: "export" });
  if (packed) h("a", { href: `data:application/zip;base64,${packed.content}`, download: packed.name }).click();
}

function load() {
  file.value = "";
  file.click();
}

async function loaded() {
  const bytes = new Uint8Array(await file.files[0].arrayBuffer());
  const content = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  if (!(await ask({ do: "import", content }))) return;
  for (const [key] of Object.entries(store.get("drafts"))) if (key.startsWith("exercise:")) store.keepDraft(key, null);
  await list();
  if (isExercise()) await open(place);
  head.say("the progress of that file is here now");
}

// What Python tells.

python.addEventListener("progress", ({ detail }) => head.say(`starting ${detail} …`));
python.addEventListener("failed", ({ detail }) => head.say(`Python could not be started: ${detail}`, true));
python.addEventListener("text", ({ detail }) => out.text(detail));
python.addEventListener("shown", ({ detail }) => {
  if (detail.kind === "text") out.text(detail.text);
  else if (detail.kind === "error") out.error(detail.text);
  else if (detail.kind === "picture") out.picture(detail.svg);
  else if (detail.kind === "file") out.file(detail);
  else {
    hide(welcome, true);
    hide(explorer, false);
    explorer.trace = detail.document;
  }
});
python.addEventListener("ready", async ({ detail }) => {
  if (store.get("course") && Object.keys(store.get("course")).length) await ask({ do: "restore", files: store.get("course") });
  await list();
  if (wanted) await open(wanted);
  wanted = "";
  const what = `Python ${config.python}, NumPy ${config.numpy}, minigrad ${config.minigrad}`;
  head.say(
    `${what}: ready in ${detail.seconds.toFixed(1)} s${config.tested ? "" : " (a runtime that minigrad's tests do not run)"}`,
  );
  document.body.dataset.ready = detail.seconds.toFixed(2);
  refresh();
});

// What the address asks for.

let wanted = ""; // an exercise, for which Python must be there
const shared = await programIn(location.hash);
const named = /^#(example|exercise)=(\w+)$/.exec(location.hash);
if (shared !== null) {
  notice.append("This program came with the link. Read it before you run it. ");
  notice.append(h("button.link", { onclick: () => open("own") }, "Back to your own"));
  store.keepDraft("shared", null);
  show("shared", shared, shared);
} else if (named?.[1] === "exercise") {
  wanted = `exercise:${named[2]}`;
} else if (named && examples.has(`example:${named[2]}`)) open(`example:${named[2]}`);
else if (store.get("place").startsWith("exercise:")) wanted = store.get("place");
else open(examples.has(store.get("place")) ? store.get("place") : "own");
if (wanted) show(wanted, "", null);
if (shared !== null || named) history.replaceState(null, "", location.pathname);
head.say("starting Python …");
python.start();
