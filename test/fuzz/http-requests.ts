import { hostName } from "../support/http-hub.ts";
import { identityToken, ownerToken } from "./fuzz-hub.ts";
import type { Random } from "./random.ts";

/** A request as a client writes it. */
export interface GenuineRequest {
  readonly method: string;
  readonly path: string;
  readonly token: string;
  readonly body: string;
}

const ids: Readonly<Record<string, string>> = {
  deviceId: "d1",
  moduleId: "m1",
  lockToken: "l1",
  jobId: "j1",
  id: "c1",
};

/** Bodies by the ends of paths; the first that fits counts. */
const bodies: readonly (readonly [RegExp, string])[] = [
  [
    /^\/twins\/.*methods$/,
    '{"methodName":"reboot","payload":{"a":1},"responseTimeoutInSeconds":5}',
  ],
  [/^\/twins\//, '{"tags":{"a":1},"properties":{"desired":{"b":[1,{"c":null}]}}}'],
  [/^\/devices\/query$/, '{"query":"SELECT * FROM devices.modules WHERE tags.a = 1"}'],
  [/^\/devices\/keys/, '{"devices":[{"id":"d1","moduleId":"m1"}],"policyKey":"primaryKey"}'],
  [
    /testQueries$/,
    '{"targetCondition":"tags.a=1","customMetricQueries":{"q":"select deviceId from devices"}}',
  ],
  [/applyConfigurationContent$/, '{"modulesContent":{"m1":{"properties.desired.x":1}}}'],
  [/messages\/events$/, '{"temperature":21}'],
  [/messages\/deviceBound$/i, "hello"],
  [
    /files\/notifications/,
    '{"correlationId":"c1","isSuccess":true,"statusCode":200,"statusDescription":"x"}',
  ],
  [/files$/, '{"blobName":"a/b.txt"}'],
  [/^\/devices$/, '[{"id":"d2","importMode":"createOrUpdate","status":"enabled"}]'],
  [/modules\/[^/]*$/, '{"deviceId":"d1","moduleId":"m1","managedBy":"x"}'],
  [/^\/devices\//, '{"deviceId":"d1","status":"enabled","authentication":{"type":"sas"}}'],
  [
    /^\/jobs\/v2/,
    '{"jobId":"j1","type":"scheduleUpdateTwin","queryCondition":"deviceId=\'d1\'","updateTwin":{"etag":"*","tags":{"a":2}},"maxExecutionTimeInSeconds":60}',
  ],
  [
    /^\/jobs\/create/,
    '{"type":"export","outputBlobContainerUri":"https://hub/~out","excludeKeysInExport":true}',
  ],
  [
    /^\/configurations\//,
    '{"id":"c1","content":{"moduleContent":{"properties.desired.x":1}},"targetCondition":"from devices.modules where moduleId=\'m1\'","priority":1}',
  ],
  [/policies\/.*regenerate/, '{"key":"primaryKey"}'],
  [/policies\//, '{"rights":["RegistryRead"]}'],
  [/certificates\//, '{"properties":{"certificate":"LS0tLS1CRUdJTg==","isVerified":false}}'],
  [
    /routes\/test/,
    '{"routingSource":"DeviceMessages","message":{"body":"e30=","appProperties":{"a":"b"}},"route":{"name":"r1","source":"DeviceMessages","condition":"true","endpointNames":["events"],"isEnabled":true}}',
  ],
  [
    /routes\//,
    '{"source":"DeviceMessages","condition":"$body.a > 1","endpointNames":["events"],"isEnabled":true}',
  ],
  [/endpoints\//, '{"type":"webhook","url":"https://127.0.0.1:9/x","secret":"s"}'],
  [/enrichments\//, '{"value":"$twin.tags.a","endpointNames":["events"]}'],
  [/fallbackRoute/, '{"isEnabled":true}'],
  [/indexes/, '{"path":"tags.a"}'],
  [/deadLetters/, "{}"],
  [/session/, '{"code":"abc"}'],
];

const hidden: readonly (readonly [string, string])[] = [
  ["GET", "/portal/assets/../../package.json"],
  ["GET", "/portal/%2e%2e/%2e%2e/etc/passwd"],
  ["PUT", "/uploads/d1/a.txt?sv=1&sr=b&sig=x&se=2100-01-01&sp=rw"],
  ["GET", "/uploads/d1/..%2f..%2fetc%2fpasswd"],
  ["PUT", "/uploads/d1/a.txt?comp=block&blockid=YQ%3D%3D"],
  ["OPTIONS", "*"],
  ["CONNECT", "hub:443"],
  ["TRACE", "/devices"],
  ["GET", "/openapi.json"],
];

/** Nobody deletes the device that the others need. */
function idFor(method: string, template: string, name: string): string {
  if (method === "delete" && template === "/devices/{deviceId}") return "d2";
  return ids[name] ?? "x1";
}

/** One request for each operation that the hub describes, by the owner and by the device or module itself. */
export function genuineRequests(paths: Readonly<Record<string, object>>): GenuineRequest[] {
  const described = Object.entries(paths).flatMap(([template, operations]) =>
    Object.keys(operations).map((method): [string, string] => [
      method.toUpperCase(),
      `${template.replaceAll(/\{(\w+)\}/g, (_, name: string) => idFor(method, template, name))}?api-version=2021-04-12`,
    ]),
  );
  return [...described, ...hidden].flatMap(([method, path]) => {
    const [plain = ""] = path.split("?");
    const fitting = bodies.find(([pattern]) => pattern.test(plain))?.[1] ?? "{}";
    const body = method === "GET" || method === "HEAD" ? "" : fitting;
    const moduleId = plain.includes("/modules/m1") ? "m1" : undefined;
    const own = identityToken({ deviceId: "d1", moduleId });
    return [ownerToken, ownerToken, ownerToken, own].map((token) => ({
      method,
      path,
      token,
      body,
    }));
  });
}

/** The request's bytes, with the body in one of the ways that HTTP has. */
export function requestBytes(request: GenuineRequest, random: Random): Buffer {
  const { method, path, token, body } = request;
  const headers = [
    `${method} ${path} HTTP/1.${random.oneIn(12) ? 0 : 1}`,
    `Host: ${hostName}`,
    `Authorization: ${token}`,
    ...extraHeaders(random),
  ];
  const [framing, payload] = framed(body, random);
  return Buffer.from(`${[...headers, ...framing].join("\r\n")}\r\n\r\n${payload}`);
}

function framed(body: string, random: Random): [string[], string] {
  if (body === "" && !random.oneIn(10)) return [[], ""];
  if (!random.oneIn(3)) return [[`Content-Length: ${Buffer.byteLength(body)}`], body];
  const middle = Math.floor(body.length / 2);
  const chunks = [body.slice(0, middle), body.slice(middle)].filter((chunk) => chunk !== "");
  const text = chunks.map((chunk) => `${Buffer.byteLength(chunk).toString(16)}\r\n${chunk}\r\n`);
  return [["Transfer-Encoding: chunked"], `${text.join("")}0\r\n\r\n`];
}

const oddHeaders = [
  "Content-Type: application/json; charset=utf-8",
  "If-Match: *",
  'If-Match: "AAAAAAAAAAE="',
  "Content-Encoding: gzip",
  "Expect: 100-continue",
  "Connection: close",
  "Connection: Upgrade\r\nUpgrade: websocket",
  "X-HTTP-Method-Override: PATCH",
  "Cookie: __Host-twinhub-443=abc; a=b",
  "X-Twinhub-Portal: 1\r\nOrigin: https://evil.example",
  "Range: bytes=0-1,5-",
  "Transfer-Encoding: gzip, chunked",
  "Content-Length: 3",
  "x-ms-max-item-count: -1",
  "x-ms-continuation: AAAA",
  "iothub-app-a: b\r\niothub-messageid: x",
  "x-ms-blob-type: BlockBlob",
  "Accept-Encoding: gzip;q=0.5",
  "Host: evil.example",
];

function extraHeaders(random: Random): string[] {
  if (!random.oneIn(3)) return [];
  return Array.from({ length: 1 + random.below(2) }, () => random.pick(oddHeaders));
}

/** Pieces that HTTP, URLs, JSON and the hub know. */
export const httpWords = [
  "\r\n",
  "\n",
  "\r\n\r\n",
  "Content-Length: 99999999999\r\n",
  "Content-Length: -1\r\n",
  "Transfer-Encoding: chunked\r\n",
  "ffffffffffffffff\r\n",
  "0\r\n\r\n",
  "%00",
  "%2f",
  "%2e%2e/",
  "../",
  "//",
  "?api-version=2021-04-12",
  "&top=99999999999999999999",
  "&api-version=1",
  "http://evil.example/",
  "GET / HTTP/1.1\r\nHost: myhub.localhost\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "X: ".padEnd(9000, "x"),
  '{"__proto__":1}',
  "\u0000",
  "null",
  "[[[[",
  '"',
  "1e999",
  "é",
];
