import { Button, Switch } from "@fluentui/react-components";
import { memo, useState } from "react";
import {
  type EventFilter,
  type HubMessage,
  type LiveEvents,
  bodyText,
  messageRate,
  useEvents,
} from "../api/events.ts";
import { clockTime } from "../lib/time.ts";
import { MessageDetail } from "./message-detail.tsx";
import { Card, Empty } from "./parts.tsx";
import { StreamDot } from "./stream-dot.tsx";

/** The newest messages, live, each of which opens to show everything about it. */
export function MessageView({ filter }: { readonly filter: EventFilter }) {
  const [paused, setPaused] = useState(false);
  const [open, setOpen] = useState<HubMessage | undefined>();
  const events = useEvents(filter, paused);
  const isListed = open === undefined || events.messages.some((one) => idOf(one) === idOf(open));
  // What somebody reads stays, however many come.
  const listed = isListed ? events.messages : [open, ...events.messages];
  return (
    <Card
      title="Messages"
      note={<StreamDot state={paused ? "ended" : events.state} />}
      actions={
        <>
          <span className="note">{summary(events)}</span>
          <Switch
            label="Pause"
            checked={paused}
            onChange={(_e, { checked }) => setPaused(checked)}
          />
          <Button onClick={events.clear}>Clear</Button>
        </>
      }
    >
      {events.leftOut > 0 && (
        <p className="note">
          {events.leftOut.toLocaleString("en")} messages were left out here: more than{" "}
          {messageRate.toLocaleString("en")} came in a second, or the hub does not keep them any
          more. The event log has all that are kept; a filter leaves out fewer.
        </p>
      )}
      {listed.length === 0 ? (
        <Empty title="Waiting for messages">They appear here as they come.</Empty>
      ) : (
        <ul className="messages" aria-label="Messages">
          {listed.map((message) => {
            const isOpen = open !== undefined && idOf(open) === idOf(message);
            return (
              <li key={idOf(message)}>
                <Line message={message} isOpen={isOpen} onToggle={setOpen} />
                {isOpen && (
                  <MessageDetail message={message} more={[["partition", placeOf(message)]]} />
                )}
              </li>
            );
          })}
        </ul>
      )}
    </Card>
  );
}

function idOf({ partition, sequenceNumber }: HubMessage): string {
  return `${partition}-${sequenceNumber}`;
}

function placeOf({ partition, sequenceNumber }: HubMessage): string {
  return `${partition}, number ${sequenceNumber}`;
}

function summary({ total, messages, waiting }: LiveEvents): string {
  const arrived = `${total.toLocaleString("en")} arrived`;
  const shown = total > messages.length ? `, the newest ${messages.length} shown` : "";
  return `${arrived}${shown}${waiting > 0 ? `, ${waiting.toLocaleString("en")} more since the pause` : ""}`;
}

/** A line is drawn once: a burst draws hundreds. */
const Line = memo(MessageLine);

function MessageLine(props: {
  readonly message: HubMessage;
  readonly isOpen: boolean;
  readonly onToggle: (message: HubMessage | undefined) => void;
}) {
  const { enqueuedTime, deviceId, moduleId, source } = props.message;
  return (
    <button
      type="button"
      className="message-line"
      aria-expanded={props.isOpen}
      onClick={() => props.onToggle(props.isOpen ? undefined : props.message)}
    >
      <span className="mono">{clockTime(enqueuedTime)}</span>
      <span>{moduleId === undefined ? deviceId : `${deviceId} / ${moduleId}`}</span>
      <span className="note">{source}</span>
      <code>{preview(props.message)}</code>
    </button>
  );
}

function preview(message: HubMessage): string {
  return bodyText(message).slice(0, 300);
}
