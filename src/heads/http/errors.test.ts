import { describe, expect, it } from "vitest";
import { type ErrorName, HubError, errorNumbers } from "../../domain/errors.ts";
import { formA, formB, statuses, toHubError, trackingId } from "./errors.ts";

const names = Object.keys(errorNumbers) as ErrorName[];
const tracking = trackingId(
  "4d2ce505-ad79-45e4-b55e-f03952fa8549",
  Date.UTC(2026, 4, 1, 10, 0, 0, 123),
);

describe("errors over HTTP", () => {
  it("have the status that their number begins with", () => {
    for (const name of names) expect(statuses[name]).toBe(Math.trunc(errorNumbers[name] / 1000));
  });

  it("carry a tracking id in the newer form", () => {
    expect(tracking).toBe(
      "4D2CE505AD7945E4B55EF03952FA8549-G2:-TimeStamp:2026-05-01T10:00:00.123000000Z",
    );
  });

  it("of form (a) have a name and a text without semicolon, whatever the message", () => {
    for (const name of names) {
      for (const message of ["d1", "", " ", "a;b;c"]) {
        const body = formA(new HubError(name, message), tracking);
        const [code, text, ...rest] = body.Message.split(";");
        expect(code).toBe(`ErrorCode:${name}`);
        expect(text).not.toBe("");
        expect(rest).toEqual([]);
        expect(body.ExceptionMessage).toBe(`Tracking ID:${tracking}`);
      }
    }
  });

  it("of form (b) hold a flat JSON text that .NET and Java can read", () => {
    const error = new HubError("DeviceNotOnline", "Timed out waiting for device to connect.");
    const body = formB(error, tracking, Date.UTC(2026, 4, 1, 10, 0, 0, 123));
    expect(body.ExceptionMessage).toBe("");
    expect(JSON.parse(body.Message)).toEqual({
      errorCode: 404103,
      trackingId: tracking,
      message: "Timed out waiting for device to connect.",
      timestampUtc: "2026-05-01T10:00:00.123000000Z",
    });
  });

  it("that are no HubError say nothing of what went wrong", () => {
    const error = toHubError(new Error("secret detail"));
    expect([error.name, error.message.includes("secret")]).toEqual(["ServerError", false]);
  });
});
