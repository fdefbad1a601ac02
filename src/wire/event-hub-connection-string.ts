import { argumentInvalid } from "../domain/errors.ts";

/** The port at which clients of Event Hubs look unless they are told otherwise. */
const usualPort = 5671;

/** What an Event Hubs client needs to read a hub's events (spec/amqp §13.1). */
export interface EventHubEndpoint {
  readonly hostName: string;
  /** Of AMQP over TLS. */
  readonly port: number;
  /** The policy whose key this is. */
  readonly sharedAccessKeyName: string;
  /** Base64; these clients sign with the text as it stands. */
  readonly sharedAccessKey: string;
  /** The Event Hubs-compatible name. */
  readonly entityPath: string;
}

/**
 * `Endpoint=sb://{host}[:port]/;SharedAccessKeyName=…;SharedAccessKey=…;EntityPath=…`. Throws ArgumentInvalid if a
 * value is empty or has a `;`, which no connection string can hold.
 */
export function formatEventHubConnectionString(endpoint: EventHubEndpoint): string {
  const { hostName, port, sharedAccessKeyName, sharedAccessKey, entityPath } = endpoint;
  const host = hostName.includes(":") ? `[${hostName}]` : hostName;
  const parts = {
    Endpoint: `sb://${host}${port === usualPort ? "" : `:${port}`}/`,
    SharedAccessKeyName: sharedAccessKeyName,
    SharedAccessKey: sharedAccessKey,
    EntityPath: entityPath,
  };
  return Object.entries(parts)
    .map(([name, value]) => {
      if (value !== "" && !value.includes(";")) return `${name}=${value}`;
      throw argumentInvalid(
        `${name} is empty or has a semicolon: no connection string can hold it`,
      );
    })
    .join(";");
}
