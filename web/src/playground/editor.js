// The editor: CodeMirror in a shadow root, where its styles need no exception in the page's policy.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const THEME = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", backgroundColor: "var(--back)", color: "var(--ink)" },
  "&.cm-focused": { outline: "2px solid var(--forward)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--panel)", color: "var(--quiet)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--active)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--selected)",
  },
  ".cm-wrong": { backgroundColor: "var(--wrong-soft)", boxShadow: "inset 3px 0 var(--wrong)" },
});

const COLOURS = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--forward)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--backward)" },
  { tag: [tags.comment], color: "var(--quiet)", fontStyle: "italic" },
  {
    tag: [tags.function(tags.definition(tags.variableName)), tags.definition(tags.className)],
    color: "var(--name)",
    fontWeight: "600",
  },
]);

const setWrong = StateEffect.define(); // the number of a line, 0 for none

const wrongLine = StateField.define({
  create: () => Decoration.none,
  update(marks, change) {
    for (const effect of change.effects) {
      if (!effect.is(setWrong)) continue;
      const line = effect.value > 0 && effect.value <= change.state.doc.lines ? change.state.doc.line(effect.value) : null;
      return line ? Decoration.set([Decoration.line({ class: "cm-wrong" }).range(line.from)]) : Decoration.none;
    }
    return change.docChanged ? Decoration.none : marks;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** changed(text): after each change by the reader. keys: [{key, run}] before the editor's own. */
export function editor({ changed, keys }) {
  const element = document.createElement("div");
  const root = element.attachShadow({ mode: "open" });
  const label = new Compartment();
  let isLoading = false;

  const state = (text, name) =>
    EditorState.create({
      doc: text,
      extensions: [
        keymap.of(keys),
        lineNumbers(),
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        highlightActiveLine(),
        indentUnit.of("    "),
        python(),
        syntaxHighlighting(COLOURS),
        wrongLine,
        THEME,
        label.of(EditorView.contentAttributes.of({ "aria-label": name })),
        keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && !isLoading) changed(update.state.doc.toString());
        }),
      ],
    });

  const view = new EditorView({ root, parent: root, state: state("", "Python") });

  return {
    element,
    get text() {
      return view.state.doc.toString();
    },
    /** Another document, with a history of its own. */
    open(text, name) {
      isLoading = true;
      view.setState(state(text, name));
      isLoading = false;
    },
    /** Put another text in the place of this one, as a change that can be undone. */
    replace(text) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    /** Mark the line that an error is about. */
    mark(line) {
      const effects = [setWrong.of(line ?? 0)];
      if (line > 0 && line <= view.state.doc.lines) effects.push(EditorView.scrollIntoView(view.state.doc.line(line).from));
      view.dispatch({ effects });
    },
    focus: () => view.focus(),
  };
}
