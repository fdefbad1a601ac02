import type { ReactNode } from "react";
import type { HubMessage } from "../api/events.ts";
import { pretty } from "../lib/json.ts";
import { Facts } from "./parts.tsx";
import { CopyButton } from "./secret.tsx";

interface Content extends Pick<HubMessage, "systemProperties" | "bodyEncoding" | "body"> {
  readonly applicationProperties: Readonly<Record<string, string | null>>;
}

/** A message's whole body and all properties, and what else is known of it. */
export function MessageDetail({
  message,
  more,
}: {
  readonly message: Content;
  readonly more: readonly (readonly [string, ReactNode])[];
}) {
  const body = wholeBody(message);
  const properties = [
    ...Object.entries(message.systemProperties),
    ...Object.entries(message.applicationProperties),
  ];
  return (
    <div className="message-detail">
      <div>
        <div className="row">
          <span className="field-name">Body ({message.bodyEncoding})</span>
          <CopyButton text={body} label="the body" />
        </div>
        <pre tabIndex={0} aria-label="Body">
          {body}
        </pre>
      </div>
      <div>
        <div className="field-name">Properties</div>
        <Facts
          items={[
            ...properties.map(([name, value]) => [name, <code key={name}>{value}</code>] as const),
            ...more,
          ]}
        />
      </div>
    </div>
  );
}

function wholeBody({ body, bodyEncoding }: Content): string {
  return bodyEncoding !== "json" && typeof body === "string" ? body : pretty(body);
}
