import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json, jsonParseLinter } from "@codemirror/lang-json";
import {
  HighlightStyle,
  bracketMatching,
  foldGutter,
  foldKeymap,
  syntaxHighlighting,
} from "@codemirror/language";
import { type Diagnostic, lintGutter, lintKeymap, linter } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import {
  EditorView,
  drawSelection,
  highlightActiveLine,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import { styleNonce } from "../lib/style-nonce.ts";

export interface JsonEditorProps {
  readonly label: string;
  readonly value: string;
  readonly onChange?: (text: string) => void;
  readonly readOnly?: boolean;
  /** Why the text can't be saved, shown while it is written. */
  readonly check?: (text: string) => string | undefined;
  readonly height?: number;
  /** Plain text instead of JSON: a query. */
  readonly plain?: boolean;
  /** Ctrl+Enter. */
  readonly onSubmit?: () => void;
}

/** The colours of the theme, which are CSS variables: they change without a new editor. */
const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--colorBrandForeground2)" },
  {
    tag: tags.string,
    color: "var(--colorPaletteBerryForeground2, var(--colorNeutralForeground1))",
  },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--colorStatusWarningForeground3)" },
  { tag: tags.punctuation, color: "var(--colorNeutralForeground3)" },
]);

const look = EditorView.theme({
  "&": {
    fontSize: "13px",
    backgroundColor: "transparent",
    color: "var(--colorNeutralForeground1)",
    height: "100%",
  },
  "&.cm-focused": { outline: "2px solid var(--colorStrokeFocus2)", outlineOffset: "-2px" },
  ".cm-scroller": {
    fontFamily: 'Consolas, "Cascadia Mono", "DejaVu Sans Mono", Menlo, monospace',
    lineHeight: "1.55",
  },
  ".cm-gutters": {
    backgroundColor: "transparent",
    color: "var(--colorNeutralForeground3)",
    border: "none",
  },
  ".cm-activeLine, .cm-activeLineGutter": {
    backgroundColor: "color-mix(in srgb, var(--colorNeutralForeground1) 5%, transparent)",
  },
  ".cm-cursor": { borderLeftColor: "var(--colorNeutralForeground1)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--colorBrandBackground) 30%, transparent) !important",
  },
  ".cm-tooltip": {
    backgroundColor: "var(--colorNeutralBackground1)",
    color: "var(--colorNeutralForeground1)",
    border: "1px solid var(--colorNeutralStroke1)",
  },
  ".cm-foldPlaceholder": {
    backgroundColor: "transparent",
    border: "none",
    color: "var(--colorNeutralForeground3)",
  },
});

/** What every view of JSON has: the nonce, the theme, a name. */
export function readingExtensions(label: string) {
  return [
    EditorView.cspNonce.of(styleNonce()),
    EditorView.contentAttributes.of({ "aria-label": label }),
    look,
    syntaxHighlighting(colours),
  ];
}

function extensions(props: () => JsonEditorProps) {
  const { readOnly, label, plain } = props();
  const checks = (view: EditorView): Diagnostic[] => {
    const syntax = jsonParseLinter()(view);
    if (syntax.length > 0) return syntax;
    const message = props().check?.(view.state.doc.toString());
    if (message === undefined) return [];
    return [{ from: 0, to: view.state.doc.length, severity: "error", message }];
  };
  return [
    readingExtensions(label),
    EditorView.lineWrapping,
    drawSelection(),
    plain === true ? [] : [json(), bracketMatching(), foldGutter()],
    readOnly === true
      ? [EditorState.readOnly.of(true)]
      : [
          history(),
          lineNumbers(),
          highlightActiveLine(),
          plain === true ? [] : [linter(checks, { delay: 150 }), lintGutter()],
          EditorView.updateListener.of((update) => {
            if (update.docChanged) props().onChange?.(update.state.doc.toString());
          }),
        ],
    keymap.of([
      {
        key: "Mod-Enter",
        run: () => {
          props().onSubmit?.();
          return props().onSubmit !== undefined;
        },
      },
      ...defaultKeymap,
      ...historyKeymap,
      ...foldKeymap,
      ...lintKeymap,
    ]),
  ];
}

/** Tab leaves the editor, as everywhere on the page. */
export function CodeMirror(props: JsonEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    if (host.current === null) return undefined;
    const made = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: extensions(() => latest.current),
      }),
    });
    view.current = made;
    return () => made.destroy();
  }, []);

  // What comes from outside replaces the text, unless it is what stands there already.
  useEffect(() => {
    const shown = view.current;
    if (shown === undefined || shown.state.doc.toString() === props.value) return;
    const { scrollTop } = shown.scrollDOM;
    shown.dispatch({ changes: { from: 0, to: shown.state.doc.length, insert: props.value } });
    shown.scrollDOM.scrollTop = scrollTop;
  }, [props.value]);

  return <div ref={host} style={{ height: "100%", minHeight: 0 }} />;
}
