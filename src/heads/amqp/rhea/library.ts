import {
  type ConnectionClass,
  type SessionClass,
  boundConnections,
  boundReader,
} from "./bounds.ts";
import { writeFullLength } from "./full-length.ts";
import { nameLinksByRole } from "./link-names.ts";
import { loadPrivately } from "./load.ts";
import { wrapNumbers } from "./sequence-numbers.ts";
import type { RheaFrames, RheaMessages, RheaTypes } from "./types.ts";

/**
 * The AMQP library, as an instance of this head's own: silent, without timers, bounded, with frames of full
 * length and numbers that begin anew after 2^32 - 1. Its version is pinned in package.json, because this relies on names inside it; the tests beside this file
 * notice when one has changed.
 */
function open() {
  const load = loadPrivately("rhea");
  const { ProtocolError } = load("errors.js") as {
    ProtocolError: new (message: string) => Error;
  };
  const types = load("types.js") as RheaTypes;
  const frames = load("frames.js") as RheaFrames;
  const messages = load("message.js") as RheaMessages;
  const Connection = load("connection.js") as ConnectionClass;
  const container = (
    load("container.js") as { create_container(options: object): unknown }
  ).create_container({ id: "twinhub" });
  boundReader(types, ProtocolError);
  writeFullLength(frames, types);
  const Session = load("session.js") as SessionClass;
  boundConnections(Connection, Session, ProtocolError);
  nameLinksByRole(Session);
  wrapNumbers(Session, frames);
  // Messages are decoded by the links, so that one that is malformed is refused and not the connection.
  messages.decode = (bytes) => bytes;
  return { types, frames, messages, Connection, container };
}

export const rhea = open();
