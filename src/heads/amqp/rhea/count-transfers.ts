import { Deliveries } from "./deliveries.ts";
import type { RheaLink } from "./types.ts";

/**
 * Counts an unsettled message that came whole in one transfer, as the library would when it takes it. False, with nothing
 * changed, if the library has to judge: the first one of a session, one that breaks the rules, one behind a part of another.
 * The delivery counts as unsettled until `settleTransfers`.
 */
export function countTransfer(link: RheaLink, deliveryId: number): boolean {
  const { incoming } = link.session;
  const { deliveries } = incoming;
  if (!(deliveries instanceof Deliveries) || deliveries.available() <= 0) return false;
  const { next_delivery_id } = incoming;
  if (next_delivery_id === undefined || next_delivery_id >>> 0 !== deliveryId) return false;
  if (link.credit <= 0 || link._incomplete !== undefined || !link.is_remote_open()) return false;
  deliveries.hold(1);
  incoming.next_transfer_id++;
  incoming.next_delivery_id = next_delivery_id + 1;
  link.credit--;
  link.delivery_count++;
  return true;
}

/** Deliveries that were counted so have got their outcome. */
export function settleTransfers(link: RheaLink, count: number): void {
  const { deliveries } = link.session.incoming;
  if (deliveries instanceof Deliveries) deliveries.hold(-count);
}

/** The client has used up half of the session's window: time to tell of it anew, as the library does in its ticks. */
export function isWindowLow({ session }: RheaLink): boolean {
  const { max_transfer_id, next_transfer_id, window } = session.incoming;
  return max_transfer_id - next_transfer_id < window / 2;
}

/** What the library keeps free of a frame for all but the message, with a tag of 16 bytes. */
const frameOverhead = 66;

/**
 * The delivery id, as on the wire, that the next settled message of a link gets if it leaves now, in one transfer past the
 * library. Undefined if it has to wait for the window, for credit or for others.
 */
export function nextSettled({ session, credit }: RheaLink): number | undefined {
  const { outgoing } = session;
  const id = outgoing.next_delivery_id;
  if (outgoing.next_pending_delivery !== id || outgoing.transfer_window() <= 0) return undefined;
  return credit > 0 ? id >>> 0 : undefined;
}

/**
 * Counts a message of so many bytes that leaves so, as the library would when it writes it. False, with nothing changed, if
 * it needs several frames.
 */
export function countSettled(link: RheaLink, bytes: number): boolean {
  const { outgoing } = link.session;
  const { max_frame_size } = link.connection.remote.open ?? {};
  if (typeof max_frame_size === "number" && bytes > max_frame_size - frameOverhead) return false;
  outgoing.next_delivery_id++;
  outgoing.next_pending_delivery++;
  outgoing.next_transfer_id++;
  outgoing.window--;
  link.credit--;
  link.delivery_count++;
  return true;
}
