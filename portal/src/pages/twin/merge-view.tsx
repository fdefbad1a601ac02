import { json } from "@codemirror/lang-json";
import { MergeView as Merge } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { readingExtensions } from "../../components/code-mirror.tsx";

/** Two texts side by side with their differences; to be read, not written. */
export function MergeView({ before, after }: { readonly before: string; readonly after: string }) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (host.current === null) return undefined;
    const side = (doc: string, label: string) => ({
      doc,
      extensions: [
        readingExtensions(label),
        json(),
        EditorState.readOnly.of(true),
        EditorView.lineWrapping,
      ],
    });
    const view = new Merge({
      parent: host.current,
      a: side(before, "On the hub now"),
      b: side(after, "What you would save"),
      collapseUnchanged: { margin: 3, minSize: 6 },
      gutter: true,
    });
    return () => view.destroy();
  }, [before, after]);
  return <div ref={host} className="editor readonly merge" />;
}
