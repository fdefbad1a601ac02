import { parseAddress } from "./addresses.ts";
import { plain } from "./codec/decode.ts";
import type { AmqpValue } from "./codec/values.ts";
import type { Attach } from "./links/link.ts";
import type { RheaAttach, RheaLink, RheaTerminus, RheaTyped } from "./rhea/types.ts";

/** Places in the lists of an attach and of a source (AMQP 1.0 §2.7.3, §3.5.3). */
const desiredCapabilitiesAt = 12;
const propertiesAt = 13;
const filterAt = 7;

/** What the client asks for. Fields of other types than they should have count as absent. */
export function readAttach(link: RheaLink): Attach {
  const attach = link.remote.attach;
  const direction = link.is_receiver() ? "inbound" : "outbound";
  const address = (direction === "inbound" ? attach?.target : attach?.source)?.address;
  const addressText = typeof address === "string" ? address : "";
  const fields = fieldsOf(attach);
  return {
    name: link.name,
    direction,
    address: parseAddress(addressText),
    addressText,
    properties: textMap(fields[propertiesAt]),
    filter: textMap(fieldsOf(attach?.source)[filterAt]),
    desiredCapabilities: texts(fields[desiredCapabilitiesAt]),
    sndSettleMode: mode(attach?.snd_settle_mode),
    rcvSettleMode: mode(attach?.rcv_settle_mode),
  };
}

/** None for what is absent. The library gives a source that is null, as the Java SDKs send it, a value that is null. */
function fieldsOf(
  described: RheaAttach | RheaTerminus | null | undefined,
): readonly (RheaTyped | undefined)[] {
  const list = (described as { readonly value?: unknown } | null | undefined)?.value;
  return Array.isArray(list) ? (list as readonly RheaTyped[]) : [];
}

function textMap(field: RheaTyped | undefined): ReadonlyMap<string, AmqpValue> {
  const result = new Map<string, AmqpValue>();
  const map = field === undefined ? null : plain(field);
  if (map instanceof Map)
    for (const [key, value] of map as ReadonlyMap<AmqpValue, AmqpValue>)
      if (typeof key === "string") result.set(key, value);
  return result;
}

function texts(field: RheaTyped | undefined): string[] {
  const value = field === undefined ? null : plain(field);
  const all: readonly AmqpValue[] = Array.isArray(value)
    ? (value as readonly AmqpValue[])
    : [value];
  return all.filter((text) => typeof text === "string");
}

function mode(value: unknown): number | null {
  return value === 0 || value === 1 || value === 2 ? value : null;
}
