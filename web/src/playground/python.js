// The page's Python: a worker that answers one request after another, and can be stopped. It fires `progress`, `ready`, `text`, `shown`
// and `failed`.
const PATIENCE = 1500; // milliseconds that a program has to end once it was asked to

export class Python extends EventTarget {
  #worker = null;
  #interrupt = null; // memory shared with the worker, where the page's host allows it: what it holds Python takes as a signal
  #waiting = new Map();
  #asked = 0;
  #impatient = 0;

  constructor(config) {
    super();
    this.config = config;
  }

  /** Start a worker; what the last one was asked is answered with {stopped: true}. */
  start() {
    this.#worker?.terminate();
    clearTimeout(this.#impatient);
    this.isReady = false;
    this.#interrupt = globalThis.crossOriginIsolated ? new Uint8Array(new SharedArrayBuffer(1)) : null;
    this.#worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#told(data);
    this.#worker.onerror = (event) => this.#tell("failed", event.message || "its script could not be loaded");
    this.#worker.postMessage({ start: { config: this.config, interrupt: this.#interrupt } });
    for (const answer of this.#waiting.values()) answer({ stopped: true });
    this.#waiting.clear();
  }

  /** The answer to a request: {is}, {error}, or {stopped: true}. */
  ask(request) {
    if (this.#interrupt) this.#interrupt[0] = 0;
    const id = ++this.#asked;
    this.#worker.postMessage({ id, request });
    return new Promise((answer) => this.#waiting.set(id, answer));
  }

  get isBusy() {
    return this.#waiting.size > 0;
  }

  /** Stop what runs: by a signal, which leaves Python as it is, or by a new worker if that cannot be sent or has no effect. */
  stop() {
    if (!this.isBusy) return;
    if (!this.#interrupt) return this.start();
    this.#interrupt[0] = 2; // SIGINT
    this.#impatient = setTimeout(() => this.start(), PATIENCE);
  }

  #told(data) {
    if (data.id) {
      clearTimeout(this.#impatient);
      this.#waiting.get(data.id)(data.answer);
      this.#waiting.delete(data.id);
    }
    if (data.ready) this.isReady = true;
    for (const kind of ["progress", "ready", "text", "shown", "failed"]) if (kind in data) this.#tell(kind, data[kind]);
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
