import type { TwinDocument } from "../../api/twins.ts";
import { Ago } from "../../components/ago.tsx";
import { Card } from "../../components/parts.tsx";
import { stampsOf } from "./metadata.ts";

/** `$metadata` for people: which value was written when. */
export function MetadataTable({ twin }: { readonly twin: TwinDocument }) {
  const { desired, reported } = twin.properties;
  const rows = [
    ...stampsOf(desired).map((stamp) => ({ section: "desired", ...stamp })),
    ...stampsOf(reported).map((stamp) => ({ section: "reported", ...stamp })),
  ].sort((a, b) => b.lastUpdated.localeCompare(a.lastUpdated));
  if (rows.length === 0) return null;
  return (
    <Card title="When each value was written" note={`etag ${twin.etag}, version ${twin.version}`}>
      <div
        className="table-scroll"
        style={{ maxHeight: 320, overflowY: "auto" }}
        tabIndex={0}
        role="region"
        aria-label="When each value was written, scrollable"
      >
        <table className="table">
          <thead>
            <tr>
              <th>Value</th>
              <th>Section</th>
              <th>Now</th>
              <th>Written</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ section, path, value, lastUpdated, version }) => (
              <tr key={`${section} ${path}`}>
                <td>
                  <code>{path}</code>
                </td>
                <td>
                  {section}
                  {version === undefined ? "" : ` ${version}`}
                </td>
                <td>
                  <code>{JSON.stringify(value)?.slice(0, 80) ?? "–"}</code>
                </td>
                <td>
                  <Ago time={lastUpdated} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}
