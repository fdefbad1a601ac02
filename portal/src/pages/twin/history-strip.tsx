import { useState } from "react";
import { Card } from "../../components/parts.tsx";
import { pretty } from "../../lib/json.ts";
import { clockTime } from "../../lib/time.ts";
import type { HistoryEntry } from "./history.ts";

const names = { desired: "Desired", reported: "Reported", tags: "Tags" } as const;

/** The newest changes side by side; each opens to show what it changed. */
export function HistoryStrip({ entries }: { readonly entries: readonly HistoryEntry[] }) {
  const [chosen, setChosen] = useState<string | undefined>();
  if (entries.length === 0) return null;
  const open = entries.find(({ id }) => id === chosen);
  return (
    <Card title="History" note="newest first">
      <div className="strip" role="group" aria-label="Changes">
        {entries.map((entry) => (
          <button
            key={entry.id}
            type="button"
            className={entry.kind}
            aria-pressed={entry.id === chosen}
            onClick={() => setChosen(entry.id === chosen ? undefined : entry.id)}
          >
            <strong>
              {names[entry.kind]} {entry.version}
            </strong>
            <span className="mono">{clockTime(entry.at)}</span>
          </button>
        ))}
      </div>
      {open !== undefined && (
        <pre className="json" tabIndex={0} aria-label="Change">
          {pretty(open.change)}
        </pre>
      )}
    </Card>
  );
}
