import type { Json } from "../json.ts";
import type { EventMessage } from "../messages/telemetry.ts";
import { timeText } from "../time.ts";
import type { Twin } from "../twin/twin.ts";
import { jsonBody } from "./body.ts";

/** A message as conditions see it. What is costly to read is read once, when it is first asked for. */
export class MessageView {
  readonly message: EventMessage;
  /** The twin of the device or module that sent the message; undefined if there is none. */
  readonly twin: Twin | undefined;
  #application: ReadonlyMap<string, string | null> | undefined;
  #body: { readonly value: Json | undefined } | undefined;
  #twinDocument: Json | undefined;

  constructor(message: EventMessage, twin: Twin | undefined) {
    this.message = message;
    this.twin = twin;
  }

  /** An application property; names compare without case, and the first of equal names counts. `name` is in lower case. */
  application(name: string): string | null | undefined {
    this.#application ??= foldedNames(this.message.application);
    return this.#application.get(name);
  }

  /** A system property by its name without `$`, in lower case. */
  system(name: string): string | undefined {
    const read = Object.hasOwn(systemNames, name) ? systemNames[name] : undefined;
    return read?.(this.message) ?? undefined;
  }

  /** The body, if it can be read as JSON. */
  body(): Json | undefined {
    this.#body ??= { value: jsonBody(this.message.body, this.message.system) };
    return this.#body.value;
  }

  /** `{tags, properties: {desired, reported}}`. */
  twinDocument(): Json | undefined {
    if (this.twin === undefined) return undefined;
    const { tags, desired, reported } = this.twin;
    this.#twinDocument ??= {
      tags,
      properties: {
        desired: { ...desired.value, $version: desired.version },
        reported: { ...reported.value, $version: reported.version },
      },
    };
    return this.#twinDocument;
  }
}

function foldedNames(application: EventMessage["application"]): ReadonlyMap<string, string | null> {
  const names = new Map<string, string | null>();
  for (const [name, value] of application) {
    const folded = name.toLowerCase();
    if (!names.has(folded)) names.set(folded, value);
  }
  return names;
}

/** The names that conditions use, in lower case (spec/semantics §11.2). */
const systemNames: Readonly<Record<string, (message: EventMessage) => string | undefined>> = {
  messageid: ({ system }) => system.messageId,
  correlationid: ({ system }) => system.correlationId,
  userid: ({ system }) => system.userId,
  to: ({ system }) => system.to,
  ack: ({ application }) =>
    application.find(([name]) => name.toLowerCase() === "iothub-ack")?.[1] ?? undefined,
  contenttype: ({ system }) => system.contentType,
  contentencoding: ({ system }) => system.contentEncoding,
  creationtimeutc: ({ system }) => system.creationTimeUtc,
  interfaceid: ({ system }) => system.interfaceId,
  "dt-subject": ({ system }) => system.component,
  "dt-dataschema": ({ modelId }) => modelId || undefined,
  enqueuedtime: ({ enqueuedTime }) => timeText(enqueuedTime),
  connectiondeviceid: ({ key }) => key.deviceId,
  connectionmoduleid: ({ key }) => key.moduleId,
  connectiondevicegenerationid: ({ generationId }) => generationId || undefined,
  connectionauthmethod: ({ authMethod }) => authMethod || undefined,
};
