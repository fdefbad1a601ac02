import type { Outcome } from "./links/link.ts";
import { rhea } from "./rhea/library.ts";
import type { RheaTyped } from "./rhea/types.ts";

const { messages } = rhea;

/** The state of a disposition. */
export function writeOutcome(outcome: Outcome): RheaTyped {
  switch (outcome.kind) {
    case "accepted":
      return messages.accepted().described();
    case "released":
      return messages.released().described();
    case "modified":
      return messages.modified({ delivery_failed: outcome.deliveryFailed }).described();
    case "rejected":
      return messages.rejected({ error: outcome.error }).described();
  }
}

/** The events by which the library tells of a client's outcome. */
export const outcomeEvents = ["accepted", "released", "modified", "rejected"] as const;

/** What the client has said; what it gives as the reason of a rejection is not read. */
export function readOutcome(event: (typeof outcomeEvents)[number], state: unknown): Outcome {
  switch (event) {
    case "accepted":
    case "released":
      return { kind: event };
    case "modified": {
      const { delivery_failed } = state as { readonly delivery_failed?: unknown };
      return { kind: "modified", deliveryFailed: delivery_failed === true };
    }
    case "rejected":
      return {
        kind: "rejected",
        error: { condition: "amqp:not-allowed", description: "Rejected by the client" },
      };
  }
}
