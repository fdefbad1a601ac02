import { hubNameOf } from "../domain/host-name.ts";
import { formatEventHubConnectionString } from "../wire/event-hub-connection-string.ts";
import type { Target } from "./target.ts";

/** How clients of Event Hubs read the hub's events, or those of an endpoint, with a policy's key (spec/amqp §13.1). */
export function eventHubConnectionString(
  { hostName, amqpsPort }: Target,
  policy: string,
  key: string,
  endpoint?: string,
): string {
  return formatEventHubConnectionString({
    hostName,
    port: amqpsPort,
    sharedAccessKeyName: policy,
    sharedAccessKey: key,
    entityPath: endpoint ?? hubNameOf(hostName),
  });
}
