// The baseline for AMQP: a minimal server on rhea over TLS. It accepts every transfer and stores nothing. A receiver at
// `objects/N` or `bytes/N` is sent N prefabricated events, pre-settled like the hub's: `objects` are encoded by rhea for
// each event, `bytes` were encoded before.
//
// node rhea-server.js --cert FILE --key FILE --listen ADDRESS
// Prints one JSON line with its port once it listens.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import rhea from "rhea";

const { values } = parseArgs({
  options: {
    cert: { type: "string", default: "" },
    key: { type: "string", default: "" },
    listen: { type: "string", default: "127.0.0.1" },
  },
});

const BODY_BYTES = 1024;
const now = Date.now();
const { types, message } = rhea;

/** The shape of a hub's event: its nine annotations and one application property. */
const event = {
  message_annotations: {
    "x-opt-sequence-number": types.wrap_long(123_456),
    "x-opt-offset": "123456",
    "x-opt-enqueued-time": types.wrap_timestamp(now),
    "iothub-connection-device-id": "bench-1",
    "iothub-connection-module-id": "module-0",
    "iothub-connection-auth-method": '{"scope":"module","type":"sas","issuer":"iothub"}',
    "iothub-connection-auth-generation-id": "638400000000000000",
    "iothub-enqueuedtime": types.wrap_timestamp(now),
    "iothub-message-source": "Telemetry",
  },
  application_properties: { line: "a" },
  body: message.data_section(Buffer.alloc(BODY_BYTES, 0x78)),
};
const eventBytes = message.encode(event);

const container = rhea.create_container({ id: "baseline" });
// Who has a password may come in; nothing is checked.
container.sasl_server_mechanisms.enable_plain(() => true);
container.sasl_server_mechanisms.enable_anonymous();

container.on("sender_open", ({ sender }) => {
  const [kind, count] = String(sender.source.address).split("/");
  let left = Number(count);
  let sent = 0;
  sender.set_source({ address: sender.source.address });
  sender.on("sendable", () => {
    // rhea takes credit when it writes, not when it is told to send.
    const queued = sent - sender.delivery_count;
    const room = Math.min(left, sender.credit - queued, sender.session.outgoing.available());
    for (let at = 0; at < room; at++) {
      const delivery =
        kind === "bytes" ? sender.send(eventBytes, undefined, 0) : sender.send(event);
      delivery.settled = true;
      sent++;
      left--;
    }
  });
});
container.on("disconnected", () => {});
container.on("connection_error", () => {});
container.on("error", () => {});

const options = {
  transport: /** @type {const} */ ("tls"),
  host: values.listen,
  port: 0,
  cert: readFileSync(values.cert),
  key: readFileSync(values.key),
  // Without it, Nagle's algorithm waits for the client's delayed acknowledgements.
  tcp_no_delay: true,
  receiver_options: { credit_window: 1000, autoaccept: true },
};
const server = container.listen(options);
server.on("listening", () => {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  console.log(JSON.stringify({ port }));
});
