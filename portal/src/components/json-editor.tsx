import { Suspense, lazy } from "react";
import { Spinner } from "@fluentui/react-components";
import type { JsonEditorProps } from "./code-mirror.tsx";

const CodeMirror = lazy(async () => ({ default: (await import("./code-mirror.tsx")).CodeMirror }));

/** A JSON editor, loaded when the first one is shown. */
export function JsonEditor(props: JsonEditorProps) {
  return (
    <div
      className={`editor ${props.readOnly === true ? "readonly" : ""}`}
      style={props.height === undefined ? undefined : { height: props.height }}
    >
      <Suspense fallback={<Spinner size="small" label="Loading the editor" />}>
        <CodeMirror {...props} />
      </Suspense>
    </div>
  );
}
