// aedes, the MQTT broker in JavaScript, over TLS: it keeps nothing and nobody subscribes.
//
// node aedes-server.js --cert FILE --key FILE --listen ADDRESS
// Prints one JSON line with its port once it listens.
import { readFileSync } from "node:fs";
import tls from "node:tls";
import { parseArgs } from "node:util";

import { Aedes } from "aedes";

const { values } = parseArgs({
  options: {
    cert: { type: "string", default: "" },
    key: { type: "string", default: "" },
    listen: { type: "string", default: "127.0.0.1" },
  },
});

const broker = await Aedes.createBroker();
const server = tls.createServer(
  { cert: readFileSync(values.cert), key: readFileSync(values.key), noDelay: true },
  broker.handle,
);
server.on("tlsClientError", () => {});
process.on("SIGTERM", () => process.exit(0));
server.listen({ port: 0, host: values.listen, backlog: 1024 }, () => {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
