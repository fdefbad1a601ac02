import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestCertificate, makeCertificate } from "../../../../test/support/certificates.ts";
import {
  type Answer,
  type Call,
  type HubUnderTest,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";
import type { IdentityKey } from "../../../domain/identity/key.ts";
import { certificateDocument } from "../schemas/certificates.ts";

let hub: HubUnderTest;
let authority: TestCertificate;
beforeAll(async () => {
  hub = await startHubUnderTest();
  authority = makeCertificate("plant", { authority: true });
  const authentication = { type: "certificateAuthority" };
  await hub.call("PUT", "/devices/d1", { body: { authentication } });
  await hub.call("PUT", "/devices/d1/modules/m1", { body: { authentication } });
});
afterAll(() => hub.stop());

const path = "/$hub/certificates/plant";

const call = (method: string, target = path, options: Call = {}): Promise<Answer> =>
  hub.call(method, target, options);
const put = (certificate: string, more: object = {}, headers = {}): Promise<Answer> =>
  call("PUT", path, { body: { certificate, ...more }, headers });

function expectRefusal(answer: Answer, status: number, name: string): void {
  expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([status, name]);
}

/** Whether the identity may come with this certificate; which name the refusal has if not. */
async function admits(key: IdentityKey, { der }: TestCertificate): Promise<boolean> {
  const credential = { kind: "certificate", certificate: { chain: [der] } } as const;
  try {
    await hub.hub.auth.identity({ key, credential });
    return true;
  } catch (error) {
    expect(error).toMatchObject({ name: "IotHubUnauthorizedAccess" });
    return false;
  }
}

describe("a CA certificate", () => {
  it("is registered, and proves nobody until possession is proven (A27, A28, A30)", async () => {
    const device = {
      key: { deviceId: "d1" },
      made: makeCertificate("d1", { issuer: authority }),
    };
    const module = {
      key: { deviceId: "d1", moduleId: "m1" },
      made: makeCertificate("d1/m1", { issuer: authority }),
    };
    const registered = await put(authority.certPem);
    expect(registered.status).toBe(200);
    const shown = certificateDocument.strict().parse(registered.body);
    expect(shown).toMatchObject({
      name: "plant",
      properties: { subject: "plant", thumbprint: authority.sha1, isVerified: false },
    });
    expect(registered.headers.etag).toBe(`"${shown.etag}"`);
    for (const { key, made } of [device, module]) expect(await admits(key, made)).toBe(false);

    const early = makeCertificate("CODE", { issuer: authority });
    const verify = (proof: TestCertificate, etag = "*") =>
      call("POST", `${path}/verify`, {
        body: { certificate: proof.certPem },
        headers: { "if-match": etag },
      });
    expectRefusal(await verify(early), 400, "ArgumentInvalid");

    const newCode = async () =>
      (await call("POST", `${path}/generateVerificationCode`, { headers: { "if-match": "*" } }))
        .body;
    const older = (await newCode()).properties.verificationCode;
    const { etag, properties } = await newCode();
    expect(properties.verificationCode).toMatch(/^[0-9A-F]{48}$/);
    expect(properties.verificationCode).not.toBe(older);

    const other = makeCertificate("other", { authority: true });
    for (const wrong of [
      makeCertificate("CODE", { issuer: authority }),
      makeCertificate(older, { issuer: authority }),
      makeCertificate(properties.verificationCode, { issuer: other }),
    ])
      expectRefusal(await verify(wrong), 400, "ArgumentInvalid");
    const proof = makeCertificate(properties.verificationCode, { issuer: authority });
    expectRefusal(await verify(proof, `"${shown.etag}"`), 412, "PreconditionFailed");
    const verified = await verify(proof, `"${etag}"`);
    expect(verified.body.properties.isVerified).toBe(true);
    expect(verified.body.properties.verificationCode).toBeUndefined();

    for (const { key, made } of [device, module]) expect(await admits(key, made)).toBe(true);
    expect(await admits(module.key, device.made)).toBe(false);
    expect(await admits(device.key, module.made)).toBe(false);
    expect(await admits(device.key, makeCertificate("D1", { issuer: authority }))).toBe(false);
    expect(await admits(device.key, makeCertificate("d1", { issuer: other }))).toBe(false);

    expect((await call("DELETE")).status).toBe(204);
    for (const { key, made } of [device, module]) expect(await admits(key, made)).toBe(false);
  });

  it("may be vouched for by the owner, in the management API's form too", async () => {
    const certificate = authority.der.toString("base64");
    const body = { properties: { certificate, isVerified: true } };
    const made = await call("PUT", path, { body });
    expect(made.body.properties.isVerified).toBe(true);
    expect((await call("GET")).body).toEqual(made.body);
    expect((await call("GET", "/$hub/certificates")).body).toEqual([made.body]);
    await call("DELETE");
  });

  it("is replaced and deleted only at the etag that is given", async () => {
    const { body } = await put(authority.certPem);
    expectRefusal(await put(authority.certPem), 412, "PreconditionFailed");
    expectRefusal(
      await put(authority.certPem, {}, { "if-match": '"x"' }),
      412,
      "PreconditionFailed",
    );
    const replaced = await put(authority.certPem, {}, { "if-match": `"${body.etag}"` });
    expect(replaced.body.etag).not.toBe(body.etag);
    for (const etag of [`"${body.etag}"`, body.etag])
      expectRefusal(
        await call("DELETE", path, { headers: { "if-match": etag } }),
        412,
        "PreconditionFailed",
      );
    const headers = { "if-match": replaced.body.etag };
    expect((await call("DELETE", path, { headers })).status).toBe(204);
  });

  it.each([
    ["no certificate", { certificate: "hello" }, "ArgumentInvalid"],
    ["nothing", {}, "IotHubFormatError"],
  ])("is not %s", async (_what, body, name) => {
    expectRefusal(await call("PUT", path, { body }), 400, name);
  });

  it("is not that of a device, and has a name", async () => {
    const leaf = makeCertificate("d1", { issuer: authority });
    expectRefusal(await put(leaf.certPem), 400, "ArgumentInvalid");
    const body = { certificate: authority.certPem };
    expectRefusal(await call("PUT", "/$hub/certificates/a%20b", { body }), 400, "ArgumentInvalid");
  });

  it("is 404 when there is none of that name", async () => {
    const body = { certificate: authority.certPem };
    for (const answer of [
      await call("GET"),
      await call("DELETE"),
      await call("POST", `${path}/generateVerificationCode`),
      await call("POST", `${path}/verify`, { body }),
    ])
      expectRefusal(answer, 404, "GenericNotFound");
  });

  it("is one of 25 at the most", async () => {
    const body = { certificate: authority.certPem };
    for (let index = 0; index < 25; index++)
      expect((await call("PUT", `/$hub/certificates/ca${index}`, { body })).status).toBe(200);
    expectRefusal(await call("PUT", "/$hub/certificates/ca25", { body }), 400, "InvalidOperation");
  });

  it("is an owner's business", async () => {
    for (const policy of [null, "service", "registryReadWrite", "device"])
      for (const [method, target] of [
        ["GET", "/$hub/certificates"],
        ["GET", path],
        ["DELETE", path],
        ["POST", `${path}/generateVerificationCode`],
      ] as const)
        expectRefusal(await call(method, target, { policy }), 401, "IotHubUnauthorizedAccess");
  });
});
