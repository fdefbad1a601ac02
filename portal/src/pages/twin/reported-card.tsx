import { useEffect, useRef, useState } from "react";
import type { Section } from "../../api/twins.ts";
import { Ago } from "../../components/ago.tsx";
import { JsonEditor } from "../../components/json-editor.tsx";
import { Card } from "../../components/parts.tsx";
import { pretty, withoutSystem } from "../../lib/json.ts";
import { checkText, sizeLimit } from "../../lib/twin-rules.ts";
import { Size } from "./section-card.tsx";

/** How long a fresh report stands out, in milliseconds. */
const flashTime = 1_200;

/** What the device or module has reported, as it arrives. */
export function ReportedCard({ section }: { readonly section: Section }) {
  const text = pretty(withoutSystem(section));
  const fresh = useFlash(section.$version);
  const checked = checkText("Properties.Reported", text);
  return (
    <Card
      title="Reported"
      note={
        <>
          version {section.$version}, <Ago time={section.$metadata.$lastUpdated} />
        </>
      }
      className={fresh ? "fresh" : ""}
    >
      <JsonEditor label="Reported" value={text} readOnly />
      <div style={{ marginTop: 8 }}>
        {checked.ok && <Size bytes={checked.size} limit={sizeLimit("Properties.Reported")} />}
      </div>
      <span className="visually-hidden" role="status">
        {fresh ? `Reported version ${section.$version}` : ""}
      </span>
    </Card>
  );
}

/** True for a while after `version` has changed. */
function useFlash(version: number): boolean {
  const [fresh, setFresh] = useState(false);
  const last = useRef(version);
  useEffect(() => {
    if (last.current === version) return undefined;
    last.current = version;
    setFresh(true);
    const timer = window.setTimeout(() => setFresh(false), flashTime);
    return () => window.clearTimeout(timer);
  }, [version]);
  return fresh;
}
