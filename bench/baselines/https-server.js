// The floor of HTTP: Node's own https server, which reads the JSON of each PATCH and the bytes of each POST, checks nothing,
// stores nothing and answers a POST with nothing and everything else with the JSON of a twin.
//
// node https-server.js --cert FILE --key FILE --listen ADDRESS --twin FILE
// Prints one JSON line with its port once it listens.
import { readFileSync } from "node:fs";
import https from "node:https";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    cert: { type: "string", default: "" },
    key: { type: "string", default: "" },
    listen: { type: "string", default: "127.0.0.1" },
    twin: { type: "string", default: "" },
  },
});

const twin = JSON.parse(readFileSync(values.twin, "utf8"));
const tls = { cert: readFileSync(values.cert), key: readFileSync(values.key) };
const server = https.createServer({ ...tls, noDelay: true }, (request, response) => {
  /** @type {Buffer[]} */
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const bytes = Buffer.concat(parts);
    if (request.method === "POST") {
      response.writeHead(204);
      response.end();
      return;
    }
    const { tags } = bytes.length === 0 ? twin : JSON.parse(bytes.toString());
    const body = JSON.stringify({ ...twin, tags });
    response.writeHead(200, {
      "content-type": "application/json; charset=utf-8",
      "content-length": Buffer.byteLength(body),
    });
    response.end(body);
  });
});
process.on("SIGTERM", () => process.exit(0));
server.listen(0, values.listen, () => {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
