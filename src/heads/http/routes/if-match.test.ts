import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HubUnderTest, startHubUnderTest } from "../../../../test/support/http-hub.ts";

/** spec/rest §6.3, and the forms of §6.1 in which clients write the header. */
const rows = [
  {
    request: "PUT identity",
    exists: false,
    absent: "created",
    any: 404,
    equal: 404,
    different: 404,
  },
  { request: "PUT identity", exists: true, absent: 409, any: 200, equal: 200, different: 412 },
  { request: "DELETE identity", exists: true, absent: 204, any: 204, equal: 204, different: 412 },
  { request: "DELETE identity", exists: false, absent: 404, any: 404, equal: 404, different: 404 },
  { request: "PATCH twin", exists: true, absent: 200, any: 200, equal: 200, different: 412 },
  { request: "PUT twin", exists: true, absent: 200, any: 200, equal: 200, different: 412 },
  { request: "PATCH twin", exists: false, absent: 404, any: 404, equal: 404, different: 404 },
  { request: "PUT twin", exists: false, absent: 404, any: 404, equal: 404, different: 404 },
] as const;

const columns = [
  { form: "no If-Match", expected: "absent", header: () => undefined },
  { form: "an empty If-Match", expected: "absent", header: () => "" },
  { form: "*", expected: "any", header: () => "*" },
  { form: '"*"', expected: "any", header: () => '"*"' },
  { form: 'the "etag"', expected: "equal", header: (etag: string) => `"${etag}"` },
  { form: 'the W/"etag"', expected: "equal", header: (etag: string) => `W/"${etag}"` },
  { form: 'a different "etag"', expected: "different", header: () => '"AAAAAAAAAGQ="' },
  { form: "something that is no etag, quoted", expected: "different", header: () => '"abc"' },
  { form: "the etag without quotes", expected: "unquoted equal", header: (etag: string) => etag },
  { form: "a different etag without quotes", expected: "absent", header: () => "MA==" },
] as const;

const kinds = [
  { kind: "device", path: "d", created: 200 },
  { kind: "module", path: "d/modules/m", created: 201 },
] as const;

describe("If-Match", () => {
  let hub: HubUnderTest;
  beforeAll(async () => void (hub = await startHubUnderTest()));
  afterAll(() => hub.stop());

  for (const { kind, path, created } of kinds) {
    for (const row of rows) {
      for (const { form, expected, header } of columns) {
        const key = expected === "unquoted equal" ? (row.exists ? "equal" : "absent") : expected;
        const status = row[key] === "created" ? created : row[key];
        const state = row.exists ? "exists" : "is missing";
        it(`answers ${status} to ${row.request} with ${form} when the ${kind} ${state}`, async () => {
          await hub.call("DELETE", "/devices/d");
          if (row.exists || kind === "module") await hub.call("PUT", "/devices/d", { body: {} });
          if (row.exists && kind === "module")
            await hub.call("PUT", "/devices/d/modules/m", { body: {} });
          const [method = "", what] = row.request.split(" ");
          const address = what === "twin" ? `/twins/${path}` : `/devices/${path}`;
          const before = await hub.call("GET", address);
          const value = header(before.body.etag ?? "MTIz");

          const answer = await hub.call(method, address, {
            headers: value === undefined ? {} : { "if-match": value },
            body: method === "DELETE" ? undefined : { tags: { a: 1 } },
          });

          expect(answer.status).toBe(status);
          const after = await hub.call("GET", address);
          if (status >= 400) {
            expect(after.text).toBe(before.text.includes("Tracking") ? after.text : before.text);
          } else {
            expect(after.body.etag).not.toBe(before.body.etag);
          }
          if (status === 412) {
            expect(answer.headers["iothub-errorcode"]).toBe("PreconditionFailed");
            expect(answer.body.Message).toBe("ErrorCode:PreconditionFailed;PreconditionFailed");
          }
        });
      }
    }
  }
});
