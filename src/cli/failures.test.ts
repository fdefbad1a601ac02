import { describe, expect, it } from "vitest";
import { connectionFailure, refusal } from "./failures.ts";

const body = (Message: string): string => JSON.stringify({ Message, ExceptionMessage: "x" });

describe("a refusal of the hub", () => {
  it("is shown with name, number, words and advice", () => {
    expect(refusal(404, "DeviceNotFound", body("ErrorCode:DeviceNotFound;d1")).message).toBe(
      "DeviceNotFound (404001): d1 ('twinhub device-identity list' shows the devices)",
    );
  });

  it("is read from the form that direct methods use", () => {
    const message = JSON.stringify({ errorCode: 404103, message: "Timed out", trackingId: "t" });

    expect(refusal(404, undefined, body(message)).message).toBe(
      "DeviceNotOnline (404103): Timed out",
    );
  });

  it("is shown with its status when it has no name, or one that is not known here", () => {
    expect(refusal(502, undefined, "<html>").message).toBe("The hub answered 502: <html>");
    expect(refusal(400, "NewError", body("ErrorCode:NewError;why")).message).toBe(
      "NewError (400): why",
    );
    expect(refusal(401, "IotHubUnauthorizedAccess", "").message).toMatch(
      /^IotHubUnauthorizedAccess \(401002\): HTTP status 401 \(check/,
    );
  });

  it("is one bounded line, whatever the hub sent", () => {
    const { message } = refusal(400, undefined, `a\n\u001b[31mb${"c".repeat(1000)}`);

    expect(message).toMatch(/^The hub answered 400: a \[31mb/);
    expect(message.length).toBeLessThan(600);
  });
});

describe("a connection that fails", () => {
  it.each([
    ["ECONNREFUSED", /^No hub listens at h:443/],
    ["ENOTFOUND", /^The host name of h:443 is not known here; add it to the hosts file/],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", /give the hub's CA with --ca/],
    ["ERR_TLS_CERT_ALTNAME_INVALID", /start the hub with --host-name/],
    ["CERT_HAS_EXPIRED", /restart the hub to renew it/],
    ["ECONNRESET", /^The hub at h:443 cannot be reached: boom/],
  ])("with %s says what to do", (code, message) => {
    const error = Object.assign(new Error("boom"), { code });

    expect(connectionFailure(error, "h:443").message).toMatch(message);
  });
});
