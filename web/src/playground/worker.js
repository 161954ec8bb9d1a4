// The thread that Python runs in. It is told {start: {config, interrupt}}, then {id, request}, and tells {progress}, {ready}, {text},
// {shown}, {answer, id} and {failed}. A request is answered by minigrad.playground.session, which is the same Python as everywhere.
const MOST_TEXT = 200_000; // characters printed by one request that are shown
const PAUSE = 50; // milliseconds between two messages of printed text

let session = null;

onmessage = ({ data }) => {
  if (data.start) start(data.start).catch((error) => postMessage({ failed: String(error.message ?? error) }));
  else postMessage({ answer: answer(data.request), id: data.id });
};

async function start({ config, interrupt }) {
  const began = performance.now();
  const place = new URL(`${config.runtime}/`, import.meta.url).href;
  const archives = [...config.wheels.map((wheel) => place + wheel), new URL("minigrad.zip", import.meta.url).href].map(bytes);
  postMessage({ progress: "Python" });
  const { loadPyodide } = await import(`${place}pyodide.mjs`);
  const python = await loadPyodide({ indexURL: place, packages: config.packages });
  for (const stream of [python.setStdout, python.setStderr]) stream.call(python, { write: (buffer) => printed.add(buffer) });
  python.setStdin({ error: true }); // input() is an error, and no dialog
  postMessage({ progress: "minigrad" });
  const packages = python.runPython("import site; site.getsitepackages()[0]");
  for (const archive of archives) python.unpackArchive(await archive, "zip", { extractDir: packages });
  if (interrupt) python.setInterruptBuffer(interrupt);
  const shown = (text) => {
    printed.send();
    postMessage({ shown: JSON.parse(text) });
  };
  session = python.pyimport("minigrad.playground.session").Session(shown, "/home/pyodide");
  postMessage({ ready: { seconds: (performance.now() - began) / 1000 } });
}

async function bytes(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} is missing (${response.status})`);
  return response.arrayBuffer();
}

function answer(request) {
  printed.begin();
  try {
    return JSON.parse(session.answer(JSON.stringify(request)));
  } catch (error) {
    return { error: `A fault of the playground: ${String(error.message).trim().split("\n").at(-1)}` };
  } finally {
    printed.send();
  }
}

/** What Python prints, sent in pieces, and not without end. */
const printed = {
  text: "",
  length: 0,
  sent: 0,
  decoder: new TextDecoder(),
  begin() {
    [this.text, this.length] = ["", 0];
  },
  add(buffer) {
    if (this.length > MOST_TEXT) return buffer.length;
    const text = this.decoder.decode(buffer, { stream: true });
    this.length += text.length;
    this.text += this.length > MOST_TEXT ? "\n… more was printed than is shown\n" : text;
    if (performance.now() - this.sent > PAUSE) this.send();
    return buffer.length;
  },
  send() {
    if (this.text) postMessage({ text: this.text });
    [this.text, this.sent] = ["", performance.now()];
  },
};
