// The editor of a cell, in the colours of the site: its tokens have the names that Pygments gives them.

import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { tagHighlighter, tags } from "@lezer/highlight";

const colours = tagHighlighter([
  { tag: tags.keyword, class: "k" },
  { tag: tags.moduleKeyword, class: "kn" },
  { tag: tags.operatorKeyword, class: "ow" },
  { tag: [tags.bool, tags.null], class: "kc" },
  { tag: tags.self, class: "bp" },
  { tag: tags.comment, class: "c1" },
  { tag: [tags.string, tags.special(tags.string)], class: "s2" },
  { tag: tags.number, class: "mi" },
  { tag: tags.operator, class: "o" },
  { tag: tags.definition(tags.className), class: "nc" },
  { tag: tags.function(tags.definition(tags.variableName)), class: "nf" },
  { tag: tags.meta, class: "nd" },
]);

const look = EditorView.theme({
  "&": { fontSize: "inherit", background: "none", color: "inherit" },
  "&.cm-focused": { outline: "0.1875rem solid var(--pst-color-accent)" },
  ".cm-scroller": { fontFamily: "var(--pst-font-family-monospace)", lineHeight: "inherit" },
  ".cm-content": { padding: "1em 0", caretColor: "var(--pst-color-text-base)" },
  ".cm-line": { padding: "0 1em" },
});

// `keys` says what Shift+Enter, Ctrl+Enter and Escape do; `changed` is told each new text.
export function edit(parent, code, label, keys, changed) {
  const key = (name, work) => ({ key: name, run: () => (work(), true), preventDefault: true });
  const bound = [key("Shift-Enter", keys.runAndGoOn), key("Mod-Enter", keys.run), key("Escape", keys.leave)];
  return new EditorView({
    parent,
    state: EditorState.create({
      doc: code,
      extensions: [
        Prec.highest(keymap.of(bound)),
        history(),
        indentUnit.of("    "),
        EditorState.tabSize.of(4),
        indentOnInput(),
        bracketMatching(),
        python(),
        syntaxHighlighting(colours),
        look,
        keymap.of([indentWithTab, ...defaultKeymap, ...historyKeymap]),
        EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false", autocapitalize: "off", tabindex: "0" }),
        // The site has keys of its own, "/" for its search: none of them while somebody writes.
        EditorView.domEventHandlers({
          keydown: (event) => event.stopPropagation(),
          blur: (_, view) => void (view.scrollDOM.scrollLeft = 0),
        }),
        matchMedia("(max-width: 576px)").matches ? EditorView.lineWrapping : [],
        EditorView.updateListener.of((update) => update.docChanged && changed(update.state.doc.toString())),
      ],
    }),
  });
}
