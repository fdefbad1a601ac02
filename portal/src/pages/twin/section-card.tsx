import { JsonEditor } from "../../components/json-editor.tsx";
import { Card } from "../../components/parts.tsx";
import { type SectionName, checkText, sizeLimit } from "../../lib/twin-rules.ts";

/** A section to be written, checked by the hub's own rules while one types. */
export function SectionCard(props: {
  readonly title: string;
  readonly name: SectionName;
  readonly note: string;
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly onSubmit: () => void;
}) {
  const { name, text } = props;
  const checked = checkText(name, text);
  return (
    <Card title={props.title} note={props.note}>
      <JsonEditor
        label={props.title}
        value={text}
        onChange={props.onChange}
        onSubmit={props.onSubmit}
        check={(written) => {
          const result = checkText(name, written);
          return result.ok ? undefined : result.problem;
        }}
      />
      <div style={{ marginTop: 8 }}>
        {checked.ok ? (
          <Size bytes={checked.size} limit={sizeLimit(name)} />
        ) : (
          <span className="problem-text" role="status">
            {checked.problem}
          </span>
        )}
      </div>
    </Card>
  );
}

/** How full the section is. */
export function Size({ bytes, limit }: { readonly bytes: number; readonly limit: number }) {
  const percent = Math.min(100, (bytes / limit) * 100);
  return (
    <div className="stack" style={{ gap: 4 }}>
      <div className={`meter ${percent >= 100 ? "over" : ""}`}>
        <span style={{ width: `${percent}%` }} />
      </div>
      <span className="note">
        {bytes.toLocaleString("en")} of {limit.toLocaleString("en")} bytes
      </span>
    </div>
  );
}
