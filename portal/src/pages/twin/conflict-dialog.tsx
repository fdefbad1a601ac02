import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  Radio,
  RadioGroup,
} from "@fluentui/react-components";
import { Suspense, lazy, useMemo, useState } from "react";
import type { TwinDocument } from "../../api/twins.ts";
import { Loading } from "../../components/parts.tsx";
import type { Json, JsonObject } from "../../lib/json.ts";
import { type Conflict, pathText, threeWay, withChange } from "../../lib/merge-patch.ts";
import { type Written, writtenOf } from "./draft.ts";

const MergeView = lazy(async () => ({ default: (await import("./merge-view.tsx")).MergeView }));

type Side = "mine" | "theirs";

interface Found extends Conflict {
  readonly id: string;
  readonly section: "desired" | "tags";
}

/** The twin has changed while it was edited: base, theirs and mine, and the result that will be saved. */
export function ConflictDialog(props: {
  readonly base: Written;
  readonly newest: TwinDocument;
  readonly mine: Written;
  readonly textOf: (section: JsonObject) => string;
  readonly onTake: (written: Written, newest: TwinDocument) => void;
  readonly onClose: () => void;
}) {
  const { base, newest, mine, textOf } = props;
  const theirs = useMemo(() => writtenOf(newest), [newest]);
  const merges = useMemo(
    () => ({
      desired: threeWay(base.desired, theirs.desired, mine.desired),
      tags: threeWay(base.tags, theirs.tags, mine.tags),
    }),
    [base, theirs, mine],
  );
  const conflicts: readonly Found[] = (["desired", "tags"] as const).flatMap((section) =>
    merges[section].conflicts.map((one) => ({
      ...one,
      section,
      id: `${section}.${pathText(one.path)}`,
    })),
  );
  const [sides, setSides] = useState<Readonly<Record<string, Side>>>({});
  const result: Written = {
    desired: resolve("desired"),
    tags: resolve("tags"),
  };

  function resolve(section: "desired" | "tags"): JsonObject {
    return conflicts
      .filter((one) => one.section === section && (sides[one.id] ?? "mine") === "mine")
      .reduce(
        (value, { path, mine: chosen }) => withChange(value, { path, value: chosen }),
        merges[section].merged,
      );
  }

  return (
    <Dialog open onOpenChange={(_event, { open }) => open || props.onClose()}>
      <DialogSurface style={{ maxWidth: 980, width: "94vw" }}>
        <DialogBody>
          <DialogTitle>The twin has changed since you began</DialogTitle>
          <DialogContent className="stack">
            <p>
              {conflicts.length === 0
                ? "Your changes and the others do not touch each other: both are kept."
                : `${conflicts.length} ${conflicts.length === 1 ? "value was" : "values were"} changed on both sides: choose which one stays.`}
            </p>
            {conflicts.length > 0 && (
              <Choices
                conflicts={conflicts}
                sides={sides}
                onChoose={(id, side) => setSides({ ...sides, [id]: side })}
              />
            )}
            <div>
              <div className="field-name">On the hub now, and what you would save</div>
              <Suspense fallback={<Loading label="Loading the comparison" />}>
                <MergeView
                  key={JSON.stringify(sides)}
                  before={textOf({ desired: theirs.desired, tags: theirs.tags })}
                  after={textOf({ desired: result.desired, tags: result.tags })}
                />
              </Suspense>
            </div>
          </DialogContent>
          <DialogActions>
            <Button onClick={props.onClose}>Go on editing</Button>
            <Button onClick={() => props.onTake(theirs, newest)}>Drop my changes</Button>
            <Button appearance="primary" onClick={() => props.onTake(result, newest)}>
              Use this result
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}

function Choices(props: {
  readonly conflicts: readonly Found[];
  readonly sides: Readonly<Record<string, Side>>;
  readonly onChoose: (id: string, side: Side) => void;
}) {
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label="Conflicts, scrollable">
      <table className="table">
        <thead>
          <tr>
            <th>Value</th>
            <th>When you began</th>
            <th>On the hub now</th>
            <th>Yours</th>
            <th>Keep</th>
          </tr>
        </thead>
        <tbody>
          {props.conflicts.map(({ id, base, theirs, mine }) => (
            <tr key={id}>
              <td>
                <code>{id}</code>
              </td>
              <td>
                <code>{valueText(base)}</code>
              </td>
              <td>
                <code>{valueText(theirs)}</code>
              </td>
              <td>
                <code>{valueText(mine)}</code>
              </td>
              <td>
                <RadioGroup
                  layout="horizontal"
                  aria-label={`Keep which ${id}`}
                  value={props.sides[id] ?? "mine"}
                  onChange={(_event, { value }) =>
                    props.onChoose(id, value === "theirs" ? "theirs" : "mine")
                  }
                >
                  <Radio value="theirs" label="theirs" />
                  <Radio value="mine" label="mine" />
                </RadioGroup>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function valueText(value: Json | undefined): string {
  return value === undefined ? "removed" : JSON.stringify(value);
}
