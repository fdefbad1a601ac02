import { Button, Switch } from "@fluentui/react-components";
import { useState } from "react";
import {
  type EventFilter,
  type HubMessage,
  bodyText,
  keptMessages,
  useEvents,
} from "../api/events.ts";
import { pretty } from "../lib/json.ts";
import { clockTime } from "../lib/time.ts";
import { CopyButton } from "./secret.tsx";
import { Card, Empty, Facts } from "./parts.tsx";
import { StreamDot } from "./stream-dot.tsx";

/** Messages that are drawn; the others stay counted. */
const drawn = 200;

/** The newest messages, live, each of which opens to show everything about it. */
export function MessageView({ filter }: { readonly filter: EventFilter }) {
  const [paused, setPaused] = useState(false);
  const [open, setOpen] = useState<string | undefined>();
  const events = useEvents(filter, paused);
  return (
    <Card
      title="Messages"
      note={<StreamDot state={events.state} />}
      actions={
        <>
          <span className="note">
            {events.total.toLocaleString("en")} arrived
            {events.total > drawn ? `, the newest ${Math.min(drawn, keptMessages)} shown` : ""}
          </span>
          <Switch
            label="Pause"
            checked={paused}
            onChange={(_e, { checked }) => setPaused(checked)}
          />
          <Button onClick={events.clear}>Clear</Button>
        </>
      }
    >
      {events.messages.length === 0 ? (
        <Empty title="Waiting for messages">They appear here as they come.</Empty>
      ) : (
        <ul className="messages" aria-label="Messages">
          {events.messages.slice(0, drawn).map((message) => {
            const id = `${message.partition}-${message.sequenceNumber}`;
            const isOpen = open === id;
            return (
              <li key={id}>
                <Line
                  message={message}
                  isOpen={isOpen}
                  onToggle={() => setOpen(isOpen ? undefined : id)}
                />
                {isOpen && <Detail message={message} />}
              </li>
            );
          })}
        </ul>
      )}
    </Card>
  );
}

function Line(props: {
  readonly message: HubMessage;
  readonly isOpen: boolean;
  readonly onToggle: () => void;
}) {
  const { enqueuedTime, deviceId, moduleId, source } = props.message;
  return (
    <button
      type="button"
      className="message-line"
      aria-expanded={props.isOpen}
      onClick={props.onToggle}
    >
      <span className="mono">{clockTime(enqueuedTime)}</span>
      <span>{moduleId === undefined ? deviceId : `${deviceId} / ${moduleId}`}</span>
      <span className="note">{source}</span>
      <code>{preview(props.message)}</code>
    </button>
  );
}

function Detail({ message }: { readonly message: HubMessage }) {
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
            ["partition", `${message.partition}, number ${message.sequenceNumber}`],
          ]}
        />
      </div>
    </div>
  );
}

function preview(message: HubMessage): string {
  return bodyText(message).slice(0, 300);
}

function wholeBody(message: HubMessage): string {
  return message.bodyEncoding === "json" ? pretty(message.body) : bodyText(message);
}
