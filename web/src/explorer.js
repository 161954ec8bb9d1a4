// <mg-explorer>: a recorded computation, step by step. Give it a trace: the property `trace`, or the attribute `for` with the id of the
// script element that holds one. Attributes `step` and `quiz` say where it starts, `theme` is light or dark. It fires `step` when the
// reader moves, `error` when a trace cannot be shown. The default export is the module that anywidget asks for.
import css from "./explorer.css";
import { application } from "./application.js";
import { h, hide } from "./dom.js";
import { traceIn } from "./load.js";
import { Session } from "./session.js";
import { TraceError } from "./trace.js";

const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

export class MgExplorer extends HTMLElement {
  static observedAttributes = ["theme"];

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
    this.app = application(this, (detail) => this.dispatchEvent(new CustomEvent("step", { detail })));
    this.message = h("p.message.hidden", { role: "alert" });
    this.shadowRoot.append(this.message, this.app.element);
  }

  connectedCallback() {
    if (!this.hasAttribute("tabindex")) this.tabIndex = 0;
    this.app.connect();
    if (!this.app.session && this.hasAttribute("for")) this.#load(this.getAttribute("for"));
  }

  disconnectedCallback() {
    this.app.disconnect();
  }

  attributeChangedCallback() {
    this.app.retint();
  }

  /** The trace shown: an object of the schema minigrad-trace/1. */
  get trace() {
    return this.document ?? null;
  }

  set trace(document) {
    this.#attempt(() => {
      const session = new Session(document);
      this.document = document;
      session.setQuiz(this.hasAttribute("quiz"));
      session.goTo(Number(this.getAttribute("step") ?? 0));
      hide(this.message, true);
      this.app.open(session);
    });
  }

  get step() {
    return this.app.session?.step ?? 0;
  }

  set step(step) {
    if (this.app.session) this.app.go(step);
  }

  async #load(id) {
    const holder = this.getRootNode().getElementById(id);
    try {
      if (!holder) throw new TraceError(`No element has the id ${JSON.stringify(id)}, which is to hold the trace.`);
      this.trace = await traceIn(holder);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #attempt(act) {
    try {
      act();
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** A trace that cannot be read is said in a sentence; a fault of ours is thrown as well. */
  #refuse(error) {
    const isRead = error instanceof TraceError;
    this.message.textContent = isRead ? error.message : `The trace cannot be shown: ${error.message}`;
    hide(this.message, false);
    hide(this.app.element, true);
    this.dispatchEvent(new ErrorEvent("error", { message: this.message.textContent }));
    if (!isRead) throw error;
  }
}

if (!customElements.get("mg-explorer")) customElements.define("mg-explorer", MgExplorer);

/** For anywidget: traits `trace` (JSON text or an object) and `step`. */
export default {
  render({ model, el }) {
    const explorer = document.createElement("mg-explorer");
    const read = () => {
      const trace = model.get("trace");
      explorer.trace = typeof trace === "string" ? JSON.parse(trace) : trace;
      move();
    };
    const move = () => explorer.step !== model.get("step") && (explorer.step = model.get("step"));
    explorer.addEventListener("step", ({ detail }) => {
      model.set("step", detail.step);
      model.save_changes();
    });
    model.on("change:trace", read);
    model.on("change:step", move);
    el.append(explorer);
    read();
    return () => {
      model.off("change:trace", read);
      model.off("change:step", move);
    };
  },
};
