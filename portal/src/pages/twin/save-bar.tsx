import { Button, Spinner } from "@fluentui/react-components";
import { pretty } from "../../lib/json.ts";
import type { DraftChange } from "./draft.ts";

/** The effective patch, and what to do with it; nothing while nothing has changed. */
export function SaveBar(props: {
  readonly change: DraftChange;
  readonly busy: boolean;
  readonly onSave: () => void;
  readonly onDiscard: () => void;
}) {
  const { change, busy } = props;
  switch (change.kind) {
    case "none":
      return null;
    case "invalid":
      return (
        <div className="savebar">
          <span className="grow problem-text">{change.problem}</span>
          <Button onClick={props.onDiscard}>Discard</Button>
        </div>
      );
    case "patch":
      return (
        <div className="savebar">
          <div className="grow">
            <div className="field-name">The patch that is sent; null removes</div>
            <pre className="json" style={{ maxHeight: 180 }} tabIndex={0} aria-label="Patch">
              {pretty(change.patch)}
            </pre>
          </div>
          <div className="stack">
            <Button
              appearance="primary"
              onClick={props.onSave}
              disabled={busy}
              icon={busy ? <Spinner size="tiny" /> : null}
            >
              Save
            </Button>
            <Button onClick={props.onDiscard}>Discard</Button>
          </div>
        </div>
      );
  }
}
