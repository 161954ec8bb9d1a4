// What a program prints and shows, in order. Pictures are images, in which no script runs.
import { h } from "../dom.js";

export function output() {
  const empty = h("p.quiet", "What your program prints comes here.");
  const element = h("div.output", { role: "log", "aria-label": "Output", tabindex: "0" }, empty);
  let last = null; // the text that is added to

  function add(block) {
    empty.remove();
    last = null;
    element.append(block);
    element.scrollTop = element.scrollHeight;
  }

  return {
    element,
    clear() {
      last = null;
      element.replaceChildren();
    },
    text(text) {
      if (!last) {
        const block = h("pre");
        add(block);
        last = block;
      }
      last.append(text);
      element.scrollTop = element.scrollHeight;
    },
    error: (text) => add(h("pre.wrong", text.trimEnd())),
    note: (text) => add(h("p.quiet", text)),
    picture: (svg) =>
      add(h("img", { src: `data:image/svg+xml,${encodeURIComponent(svg)}`, alt: "a picture that the program shows" })),
    file: ({ name, content }) =>
      add(h("p", "wrote ", h("a", { href: `data:application/octet-stream;base64,${content}`, download: name }, name))),
  };
}
