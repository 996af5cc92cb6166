/** The editor: CodeMirror inside a shadow root, where its styles are sheets that a strict policy allows. */
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { javascript } from "@codemirror/lang-javascript";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration,
  type DecorationSet,
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Mistake } from "./compile.ts";

const highlighting = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.controlKeyword], color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  { tag: [tags.typeName, tags.className, tags.namespace], color: "var(--code-type)" },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName)], color: "var(--code-call)" },
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
]);

const theme = EditorView.theme({
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "var(--raised)", fontSize: "0.86rem" },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--ink)", padding: "0.7rem 0" },
  ".cm-gutters": { color: "var(--soft)", backgroundColor: "var(--raised)", border: "none", paddingLeft: "0.5rem" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--hover)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--select) !important" },
  ".cm-shown": { backgroundColor: "var(--chosen)", boxShadow: "inset 3px 0 var(--ember)" },
  ".cm-tooltip": { color: "var(--ink)", backgroundColor: "var(--raised)", border: "1px solid var(--line)" },
  ".cm-panels": { color: "var(--ink)", backgroundColor: "var(--bed)" },
  ".cm-matchingBracket": { backgroundColor: "var(--bed) !important", outline: "1px solid var(--line)" },
  // The marks that come with the editor are images by data: addresses, which the page's policy forbids.
  ".cm-lint-marker-error": { content: "normal", width: "0.6em", height: "0.6em", marginTop: "0.4em" },
  ".cm-lint-marker": { borderRadius: "50%", backgroundColor: "var(--ember)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--ember)" },
  ".cm-selectionMatch": { backgroundColor: "var(--bed)" },
});

const showLine = StateEffect.define<number | null>();

/** The line whose map is shown. */
const shownLine = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(lines, transaction) {
    let next = transaction.docChanged ? Decoration.none : lines;
    for (const effect of transaction.effects) {
      if (!effect.is(showLine)) continue;
      const number = effect.value;
      const known = number !== null && number >= 1 && number <= transaction.state.doc.lines;
      const mark = Decoration.line({ class: "cm-shown" });
      next = known ? Decoration.set([mark.range(transaction.state.doc.line(number).from)]) : Decoration.none;
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

export interface EditorEvents {
  onChange(code: string): void;
  onRun(): void;
}

export class Editor {
  readonly #view: EditorView;

  constructor(host: HTMLElement, { onChange, onRun }: EditorEvents) {
    const root = host.attachShadow({ mode: "open" });
    const runNow = (): boolean => {
      onRun();
      return true;
    };
    const state = EditorState.create({
      extensions: [
        lineNumbers(),
        highlightActiveLineGutter(),
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        closeBrackets(),
        autocompletion(),
        highlightActiveLine(),
        highlightSelectionMatches(),
        lintGutter(),
        javascript({ typescript: true }),
        syntaxHighlighting(highlighting),
        theme,
        shownLine,
        keymap.of([
          { key: "Mod-Enter", preventDefault: true, run: runNow },
          ...closeBracketsKeymap,
          ...completionKeymap,
          ...searchKeymap,
          ...historyKeymap,
          ...defaultKeymap,
          indentWithTab,
        ]),
        EditorView.contentAttributes.of({
          tabindex: "0",
          "aria-label": "Program in TypeScript. Escape, then Tab, leaves the editor.",
        }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) onChange(update.state.doc.toString());
        }),
      ],
    });
    this.#view = new EditorView({ state, parent: root, root });
  }

  get code(): string {
    return this.#view.state.doc.toString();
  }

  set code(text: string) {
    this.#view.dispatch({ changes: { from: 0, to: this.#view.state.doc.length, insert: text }, scrollIntoView: true });
    this.#view.scrollDOM.scrollTop = 0;
  }

  /** Marks what is wrong in the text. */
  mistakes(list: readonly Mistake[]): void {
    const { doc } = this.#view.state;
    const diagnostics = list.map(({ message, line, column }): Diagnostic => {
      const at = doc.line(Math.min(Math.max(line, 1), doc.lines));
      const from = Math.min(at.from + column, at.to);
      return { from, to: Math.max(from, at.to), severity: "error", message };
    });
    this.#view.dispatch(setDiagnostics(this.#view.state, diagnostics));
  }

  /** Marks the line that the map belongs to; null for none. */
  show(line: number | null, scroll = false): void {
    const effects: StateEffect<unknown>[] = [showLine.of(line)];
    if (scroll && line !== null && line <= this.#view.state.doc.lines) {
      effects.push(EditorView.scrollIntoView(this.#view.state.doc.line(line).from, { y: "nearest", yMargin: 60 }));
    }
    this.#view.dispatch({ effects });
  }
}
