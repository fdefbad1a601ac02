import { Suspense, lazy } from "react";
import { Spinner } from "@fluentui/react-components";
import { jsonProblem } from "../lib/json.ts";
import type { JsonEditorProps } from "./code-mirror.tsx";

const CodeMirror = lazy(async () => ({ default: (await import("./code-mirror.tsx")).CodeMirror }));

/** A JSON editor, loaded when the first one is shown; it says what is wrong with the text, unless its owner checks that. */
export function JsonEditor(props: JsonEditorProps) {
  const isWritten = props.plain !== true && props.readOnly !== true && props.check === undefined;
  const problem = isWritten ? jsonProblem(props.value) : undefined;
  return (
    <>
      <div
        className={`editor ${props.readOnly === true ? "readonly" : ""}`}
        style={props.height === undefined ? undefined : { height: props.height }}
      >
        <Suspense fallback={<Spinner size="small" label="Loading the editor" />}>
          <CodeMirror {...props} />
        </Suspense>
      </div>
      {problem !== undefined && (
        <span className="problem-text" role="status">
          {problem}
        </span>
      )}
    </>
  );
}
