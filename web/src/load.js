// The trace that a page carries: JSON in a script element, plain or as base64 of gzip.
import { TraceError } from "./trace.js";

export async function traceIn(element) {
  const text = element.textContent.trim();
  try {
    if (element.dataset.encoding !== "gzip") return JSON.parse(text);
    const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  } catch (error) {
    throw new TraceError(`The trace in this page is damaged: ${error.message}`);
  }
}
