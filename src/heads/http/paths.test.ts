import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PathTable, parseQuery, splitTarget } from "./paths.ts";

function table(): PathTable {
  const paths = new PathTable();
  paths.add("GET", "/devices");
  paths.add("POST", "/devices");
  paths.add("GET", "/devices/:deviceId");
  paths.add("PUT", "/devices/:deviceId");
  paths.add("POST", "/devices/query");
  paths.add("POST", "/devices/keys/regenerate");
  paths.add("GET", "/devices/:deviceId/modules/:moduleId");
  paths.add("GET", "/devices/:deviceId/messages/deviceBound");
  paths.add("GET", "/portal/*");
  return paths;
}

const idCharacter = fc.constantFrom(..."ABCXYZabcxyz0189-:.+%_#*?!(),=@;$'".split(""));
const id = fc.array(idCharacter, { minLength: 1, maxLength: 128 }).map((all) => all.join(""));

describe("paths", () => {
  it.each([
    ["GET", "/devices", "/devices"],
    ["GET", "/devices/", "/devices"],
    ["GET", "//devices//d1/", "/devices/d1"],
    ["GET", "/DEVICES/D1", "/devices/D1"],
    ["GET", "/devices%2Fd1", "/devices/d1"],
    ["POST", "/devices%2Fquery", "/devices/query"],
    ["POST", "/devices/QUERY", "/devices/query"],
    ["GET", "/devices/query", "/devices/query"],
    ["GET", "/devices/QUERY", "/devices/QUERY"],
    ["GET", "/devices/d1/messages/devicebound", "/devices/d1/messages/deviceBound"],
    ["GET", "/devices/d%2523", "/devices/d%2523"],
    ["GET", "/devices/%2e%2e", "/devices/.."],
    ["GET", "/devices/a+b", "/devices/a%2Bb"],
    ["GET", "/portal/Assets/App.js", "/portal/Assets/App.js"],
  ])("%s %s is the route's own spelling %s", (method, path, expected) => {
    expect(table().match(method, path)).toEqual({ kind: "route", path: expected });
  });

  it.each([
    ["GET", "/", "unknown"],
    ["GET", "/devices/../twins", "unknown"],
    ["GET", "/devices/a/b/c/d/e", "unknown"],
    ["GET", "/devices/%", "malformed"],
    ["GET", "/devices/%C3", "malformed"],
    ["DELETE", "/devices/d1", "otherMethod"],
    ["PUT", "/devices/invalid%2Fname", "slashInId"],
    ["GET", "/devices/d1%2Fm1", "slashInId"],
    ["GET", "/nowhere/invalid%2Fname", "unknown"],
  ])("%s %s is %s", (method, path, kind) => {
    expect(table().match(method, path).kind).toBe(kind);
  });

  it("tell which methods a path has", () => {
    expect(table().match("PATCH", "/devices/d1")).toEqual({
      kind: "otherMethod",
      allow: ["GET", "PUT"],
    });
  });

  it("give every id back as it was, encoded segment by segment or as a whole", () => {
    fc.assert(
      fc.property(id, id, (deviceId, moduleId) => {
        const ids = [deviceId, moduleId].map(encodeURIComponent);
        const expected = { kind: "route", path: `/devices/${ids[0]}/modules/${ids[1]}` };
        const whole = encodeURIComponent(`devices/${deviceId}/modules/${moduleId}`);
        expect(table().match("GET", expected.path)).toEqual(expected);
        expect(table().match("GET", `/${whole}`)).toEqual(expected);
      }),
    );
  });

  it("never throw, whatever comes", () => {
    fc.assert(
      fc.property(fc.string(), (path) => {
        expect(["route", "otherMethod", "unknown", "malformed", "slashInId"]).toContain(
          table().match("GET", path).kind,
        );
      }),
    );
  });
});

describe("request targets", () => {
  it.each([
    ["/a?b=c?d", { path: "/a", query: "b=c?d" }],
    ["/a", { path: "/a", query: "" }],
    ["https://myhub.localhost:443/a?b", { path: "/a", query: "b" }],
    ["https://myhub.localhost?b", { path: "", query: "b" }],
  ])("%s has a path and a query", (target, expected) => {
    expect(splitTarget(target)).toEqual(expected);
  });
});

describe("queries", () => {
  it("compare names without case; the first of equal ones counts", () => {
    expect({ ...parseQuery("Api-Version=1&api-version=2&TOP=3&reject&__proto__=x") }).toEqual(
      Object.fromEntries([
        ["api-version", "1"],
        ["top", "3"],
        ["reject", ""],
        ["__proto__", "x"],
      ]),
    );
  });
});
