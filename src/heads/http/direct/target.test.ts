import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PathTable, splitTarget } from "../paths.ts";
import { directTarget } from "./target.ts";

const version = "?api-version=2021-04-12";

describe("The calls that are answered without the framework", () => {
  it.each([
    ["GET", "/twins/d1", "getTwin", { deviceId: "d1" }],
    ["PATCH", "/twins/d1", "patchTwin", { deviceId: "d1" }],
    ["PUT", "/twins/d1", "replaceTwin", { deviceId: "d1" }],
    ["POST", "/devices/d1/messages/events", "sendMessages", { deviceId: "d1" }],
    ["GET", "/twins/d1/modules/m1", "getTwin", { deviceId: "d1", moduleId: "m1" }],
    [
      "PATCH",
      "/twins/d1/modules/$edgeAgent",
      "patchTwin",
      { deviceId: "d1", moduleId: "$edgeAgent" },
    ],
    [
      "PUT",
      "/twins/d.1:a-b_c/modules/m1",
      "replaceTwin",
      { deviceId: "d.1:a-b_c", moduleId: "m1" },
    ],
    [
      "POST",
      "/devices/d1/modules/m1/messages/events",
      "sendMessages",
      { deviceId: "d1", moduleId: "m1" },
    ],
  ])("%s %s is one", (method, path, call, key) => {
    expect(directTarget(method, `${path}${version}`)).toEqual({ call, key, path });
    expect(directTarget(method, `${path}?api-version=2020-05-31-preview`)?.call).toBe(call);
  });

  it.each([
    ["HEAD", `/twins/d1${version}`],
    ["DELETE", `/twins/d1${version}`],
    ["POST", `/twins/d1${version}`],
    ["GET", `/devices/d1/messages/events${version}`],
    ["GET", "/twins/d1"],
    ["GET", "/twins/d1?api-version=2021-13-01"],
    ["GET", "/twins/d1?API-version=2021-04-12"],
    ["GET", `/twins/d1${version}&x=1`],
    ["GET", `/twins/d1/${version}`],
    ["GET", `//twins/d1${version}`],
    ["GET", `/Twins/d1${version}`],
    ["GET", `/twins/d%31${version}`],
    ["GET", `/twins/d1/modules/${version}`],
    ["GET", `/twins/d1/modules/m1/methods${version}`],
    ["GET", `https://myhub.localhost/twins/d1${version}`],
    ["GET", `/twins/d1${version}\n`],
  ])("%s %s is none", (method, url) => {
    expect(directTarget(method, url)).toBeUndefined();
  });

  it("are the routes that the framework would find, with the same ids", () => {
    const paths = new PathTable();
    for (const url of [
      "/twins/:deviceId",
      "/twins/:deviceId/modules/:moduleId",
      "/devices/:deviceId/messages/events",
      "/devices/:deviceId/modules/:moduleId/messages/events",
    ])
      paths.add(url.startsWith("/twins") ? "GET" : "POST", url);
    const id = fc.oneof(
      fc.constantFrom("..", ".", "modules", "messages", "$edgeHub", "%24", "a/b", "a?b"),
      fc.string({ minLength: 1, unit: "grapheme-ascii" }),
    );
    fc.assert(
      fc.property(
        id,
        fc.option(id, { nil: undefined }),
        fc.boolean(),
        (deviceId, moduleId, reads) => {
          const module = moduleId === undefined ? "" : `/modules/${moduleId}`;
          const path = reads
            ? `/twins/${deviceId}${module}`
            : `/devices/${deviceId}${module}/messages/events`;
          const method = reads ? "GET" : "POST";
          const target = directTarget(method, `${path}${version}`);
          if (target === undefined) return;
          expect(target).toEqual({
            call: reads ? "getTwin" : "sendMessages",
            key: moduleId === undefined ? { deviceId } : { deviceId, moduleId },
            path,
          });
          const found = paths.match(method, splitTarget(`${path}${version}`).path);
          expect(found).toMatchObject({ kind: "route" });
          if (found.kind === "route") expect(decodeURIComponent(found.path)).toBe(path);
        },
      ),
    );
  });
});
