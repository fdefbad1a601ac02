import { describe, expect, it } from "vitest";
import {
  aDevice,
  aModule,
  caseDevices,
  caseModules,
  edgeScope,
  rowOf,
  stored,
  type StoredTwin,
  writtenAt,
} from "../../../test/support/query-rows.ts";
import { HubError } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import { applyServicePatch } from "../twin/apply-desired.ts";
import type { Dialect } from "./ast.ts";
import { readContinuation, writeContinuation } from "./continuation.ts";
import { parseQuery } from "./parse.ts";
import { resultTypeOf, runQuery } from "./project.ts";

function ask(
  text: string,
  { devices = caseDevices, modules = caseModules, dialect = undefined as Dialect | undefined } = {},
): readonly JsonObject[] {
  const query = parseQuery(text, { dialect });
  const twins = query.source === "devices.modules" ? modules : devices;
  const deviceRows = new Map(devices.map((twin) => [twin.identity.deviceId, rowOf(twin)]));
  return [...runQuery(query, twins.map(rowOf), (row) => deviceRows.get(shown(row["deviceId"])))];
}

function shown(value: Json | undefined): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function idsOf(rows: readonly JsonObject[]): readonly string[] {
  return rows.map(({ deviceId, moduleId }) =>
    moduleId === undefined ? shown(deviceId) : `${shown(deviceId)}/${shown(moduleId)}`,
  );
}

/** The ids of the devices or modules for which a condition holds, in the cloud's own dialect. */
function where(condition: string, source = "devices"): readonly string[] {
  return idsOf(ask(`SELECT * FROM ${source} WHERE ${condition}`, { dialect: "strict" }));
}

function refusalOf(text: string, dialect: Dialect = "strict"): HubError {
  try {
    parseQuery(text, { dialect });
  } catch (error) {
    if (error instanceof HubError) return error;
    throw error;
  }
  throw new Error(`${text} was accepted`);
}

const onDevices = (condition: string) => `SELECT * FROM devices WHERE ${condition}`;

describe("a query over devices", () => {
  it("QL01: answers full twins", () => {
    const rows = ask("SELECT * FROM devices");
    expect(rows).toEqual(caseDevices.map(rowOf));
    expect(resultTypeOf(parseQuery("SELECT * FROM devices"))).toBe("twin");
  });

  it.each([
    ["QL03", "tags.location.region = 'US'", ["d1"]],
    ["QL04", "tags.location.region != 'US'", ["d2"]],
    ["QL05", "NOT tags.location.region = 'US'", ["d2"]],
    ["QL06", "is_defined(tags.location)", ["d1", "d2"]],
    ["QL06", "NOT is_defined(tags.location)", ["d3", "e1"]],
    ["QL07", "tags.n = 5", ["d1"]],
    ["QL07", "tags.n = '5'", ["d2"]],
    ["QL07", "tags.n > 4", ["d1"]],
    ["QL08", "tags.location.region IN ['US','EU']", ["d1", "d2"]],
    ["QL10", "tags.location.region NIN ['US']", ["d2"]],
    ["QL10", "NOT tags.location.region IN ['US']", ["d2"]],
    ["QL10", "tags.location.region NOT IN ['US']", ["d2"]],
    ["QL11", "tags.[[group]] = 'g1'", ["d1"]],
    ["QL13", "STARTSWITH(deviceId,'d')", ["d1", "d2", "d3"]],
    ["QL13", "STARTSWITH(id,'d')", ["d1", "d2", "d3"]],
    ["QL13", "STARTSWITH(devices.deviceId,'d')", ["d1", "d2", "d3"]],
    ["QL15", "not startswith(deviceId,'d')", ["e1"]],
    ["QL26", "status = 'disabled'", ["d3"]],
    [
      "QL27",
      "properties.reported.temp > 20 AND (tags.location.region='EU' OR tags.n=5)",
      ["d1", "d2"],
    ],
    ["QL28", "properties.reported.temp * 2 = 43", ["d1"]],
    ["QL29", "properties.desired.$version = 1", ["d1", "d2", "d3", "e1"]],
    ["QL34", "tags.n", []],
    ["QL35", "true", ["d1", "d2", "d3", "e1"]],
    ["QL35", "1 = 1", ["d1", "d2", "d3", "e1"]],
    ["QL37", "deviceId = 'D1'", []],
    ["QL40", "deviceId = 'x\\' OR \\'a\\'=\\'a'", []],
    ["QL40", "deviceId = \"x' OR 'a'='a\"", []],
  ])("%s: WHERE %s gives %j", (_case, condition, ids) => {
    expect(where(condition)).toEqual(ids);
  });

  it("QL12: projects the ids of edge devices", () => {
    expect(ask("select deviceId from devices where capabilities.iotEdge = true")).toEqual([
      { deviceId: "e1" },
    ]);
  });

  it("QL16, QL17: counts rows, also none", () => {
    expect(ask("SELECT COUNT() AS n FROM devices")).toEqual([{ n: 4 }]);
    expect(ask("SELECT count() as n from devices where deviceId = 'zz'")).toEqual([{ n: 0 }]);
  });

  it("QL18: groups by a path, and rows without it form a group without the column", () => {
    const text =
      "SELECT properties.reported.status AS status, COUNT() AS n FROM devices GROUP BY properties.reported.status";
    expect(ask(text)).toEqual([{ status: "ok", n: 1 }, { status: "error", n: 1 }, { n: 2 }]);
    expect(resultTypeOf(parseQuery(text))).toBe("raw");
  });

  it("QL19: aggregates numbers and ignores rows without them", () => {
    expect(
      ask(
        "SELECT AVG(properties.reported.temp) AS a, MIN(properties.reported.temp) AS lo, MAX(properties.reported.temp) AS hi, SUM(properties.reported.temp) AS s FROM devices",
      ),
    ).toEqual([{ a: 25.75, lo: 21.5, hi: 30, s: 51.5 }]);
  });

  it("QL20: names root columns canonically", () => {
    const rows = ask("SELECT DeviceId, Status FROM devices WHERE deviceId='d3'");
    expect(rows.map((row) => JSON.stringify(row))).toEqual([
      '{"deviceId":"d3","status":"disabled"}',
    ]);
  });

  it("QL21: leaves out a column that the row lacks, and keeps the row", () => {
    expect(ask("SELECT tags.location.plant AS plant FROM devices WHERE deviceId='d2'")).toEqual([
      {},
    ]);
  });

  it("QL22: ends at TOP", () => {
    expect(idsOf(ask("SELECT TOP 2 * FROM devices"))).toEqual(["d1", "d2"]);
    expect(ask("SELECT TOP 0 * FROM devices")).toEqual([]);
  });

  it.each([
    ["SELECT * FROM devices", caseDevices],
    ["SELECT * FROM devices.modules", caseModules],
  ])("QL23: %s page by page gives each row once", (text, twins) => {
    const pages = pagesOf(text, twins, 1);
    expect(pages.map(({ rows }) => rows.length)).toEqual(twins.map(() => 1));
    expect(pages.filter(({ token }) => token !== undefined).length).toBe(twins.length - 1);
    expect(pages.flatMap(({ rows }) => rows)).toEqual(twins.map(rowOf));
  });

  it("QL36: reads both quotes and their escapes as the same string", () => {
    const device = aDevice("it's");
    const devices = [stored(device, device)];
    expect(ask(onDevices("deviceId = 'it\\'s'"), { devices })).toHaveLength(1);
    expect(ask(onDevices('deviceId = "it\'s"'), { devices })).toHaveLength(1);
    expect(ask(onDevices('deviceId = "it\\u0027s"'), { devices })).toHaveLength(1);
  });

  it("QL39: finds the children of an edge device by its scope", () => {
    const leaf = aDevice("leaf", { deviceScope: edgeScope, parentScopes: [edgeScope] });
    const devices = [...caseDevices, stored(leaf, leaf)];
    expect(
      ask(`select deviceId from devices where array_contains(parentScopes, '${edgeScope}')`, {
        devices,
      }),
    ).toEqual([{ deviceId: "leaf" }]);
  });
});

describe("a query over modules", () => {
  it("QL02: answers full module twins with both ids", () => {
    const rows = ask("select * from devices.modules");
    expect(rows).toEqual(caseModules.map(rowOf));
    expect(idsOf(rows)).toEqual(["d1/m1", "d1/m2", "d2/m1", "e1/$edgeAgent", "e1/$edgeHub"]);
    expect(resultTypeOf(parseQuery("select * from devices.modules"))).toBe("twin");
  });

  it.each([
    ["QL03", "tags.role = 'cam'", ["d1/m1"]],
    ["QL04", "tags.role != 'dog'", ["d1/m1"]],
    ["QL05", "NOT tags.role = 'cam'", []],
    ["QL06", "is_defined(tags.role)", ["d1/m1"]],
    ["QL08", "moduleId IN ['m1', 'm2']", ["d1/m1", "d1/m2", "d2/m1"]],
    ["QL13", "STARTSWITH(moduleId, '$edge')", ["e1/$edgeAgent", "e1/$edgeHub"]],
    ["QL15", "not startswith(moduleId, '$edge')", ["d1/m1", "d1/m2", "d2/m1"]],
    ["QL24", "devices.deviceId = 'd1'", ["d1/m1", "d1/m2"]],
    ["QL24", "devices.modules.deviceId = 'd1'", ["d1/m1", "d1/m2"]],
    ["QL24", "deviceId in ['d1']", ["d1/m1", "d1/m2"]],
    [
      "QL29",
      "properties.desired.$version = 1",
      ["d1/m1", "d1/m2", "d2/m1", "e1/$edgeAgent", "e1/$edgeHub"],
    ],
    ["QL34", "tags.role", []],
    ["QL37", "moduleId = 'M1'", []],
  ])("%s: WHERE %s gives %j", (_case, condition, ids) => {
    expect(where(condition, "devices.modules")).toEqual(ids);
  });

  it("QL16, QL17: counts rows, also none", () => {
    expect(ask("SELECT COUNT() AS n FROM devices.modules")).toEqual([{ n: 5 }]);
    expect(ask("SELECT COUNT() AS n FROM devices.modules WHERE moduleId = 'zz'")).toEqual([
      { n: 0 },
    ]);
  });

  it("QL21: leaves out a column that the row lacks, and keeps the row", () => {
    expect(ask("SELECT moduleId, tags.role FROM devices.modules WHERE deviceId = 'd1'")).toEqual([
      { moduleId: "m1", role: "cam" },
      { moduleId: "m2" },
    ]);
  });

  it("QL22: ends at TOP", () => {
    expect(idsOf(ask("SELECT TOP 2 * FROM devices.modules"))).toEqual(["d1/m1", "d1/m2"]);
  });

  it("QL25: finds the agent of an edge device", () => {
    expect(ask("select moduleId from devices.modules where moduleId = '$edgeAgent'")).toEqual([
      { moduleId: "$edgeAgent" },
    ]);
  });
});

describe.each(["devices", "devices.modules"] as const)("QL38: %s", (source) => {
  it("shows a tag in the query right after it was written", () => {
    const device = aDevice("d9");
    const identity = source === "devices" ? device : aModule("d9", "m");
    const before = stored(identity, device);
    const { twin } = applyServicePatch(before.twin, { tags: { fresh: true } }, writtenAt);
    const after = { ...before, twin };
    const text = `SELECT * FROM ${source} WHERE tags.fresh`;
    expect(ask(text, { devices: [before], modules: [before] })).toEqual([]);
    expect(ask(text, { devices: [after], modules: [after] })).toEqual([rowOf(after)]);
  });
});

describe("a query that IoT Hub refuses", () => {
  it.each([
    ["QL09", onDevices("tags.location.region IN ('US')")],
    ["QL11", onDevices("tags.group = 'g1'")],
    ["QL14", onDevices("STARTS_WITH(deviceId,'d')")],
    ["QL14", "SELECT * FROM devices.modules WHERE STARTS_WITH(moduleId,'m')"],
    ["QL14", onDevices("ENDS_WITH(deviceId,'d')")],
    ["QL30", "SELECT * FROM devices ORDER BY deviceId"],
    ["QL30", "SELECT * FROM devices.modules ORDER BY moduleId"],
    ["QL31", "SELECT COUNT() AS n FROM devices.modules GROUP BY deviceId"],
    ["QL32", "SELECT jobId FROM devices.jobs"],
    ["QL32", "SELECT COUNT() FROM devices.jobs"],
    ["QL33", "select"],
    ["QL33", "foo"],
    ["QL33", onDevices("deviceId = 'd")],
    ["QL33", onDevices(`deviceId = '${"x".repeat(8193)}'`)],
  ])("%s: %s is 400 ArgumentInvalid", (_case, text) => {
    const refusal = refusalOf(text);
    expect(refusal).toMatchObject({ name: "ArgumentInvalid", status: 400 });
    expect(refusal.message).not.toContain(";");
  });

  it.each(["", "  ", "\n"])("QL33: %j is 400 ArgumentNull", (text) => {
    expect(refusalOf(text)).toMatchObject({ name: "ArgumentNull", status: 400 });
  });

  it.each([
    onDevices("STARTS_WITH(deviceId,'d')"),
    "SELECT jobId FROM devices.jobs",
    onDevices("tags.location.region IN ('US')"),
  ])("%s is refused in the extended dialect too", (text) => {
    expect(refusalOf(text, "extended")).toMatchObject({ name: "ArgumentInvalid" });
  });

  it("QL11, QL30: the extended dialect is lenient", () => {
    expect(idsOf(ask(onDevices("tags.group = 'g1'")))).toEqual(["d1"]);
    expect(idsOf(ask("SELECT * FROM devices ORDER BY deviceId DESC"))).toEqual([
      "e1",
      "d3",
      "d2",
      "d1",
    ]);
  });
});

interface Page {
  readonly rows: readonly JsonObject[];
  readonly token: string | undefined;
}

/** Pages as a use case makes them: one row more than fits tells whether there is a next page. */
function pagesOf(text: string, twins: readonly StoredTwin[], size: number): readonly Page[] {
  const query = parseQuery(text);
  const pages: Page[] = [];
  let token: string | undefined;
  do {
    const { after, delivered } =
      token === undefined ? { after: [], delivered: 0 } : readContinuation(text, token);
    const left = twins.filter((twin) => keyOf(twin) > after.join("/"));
    const found = [...runQuery({ ...query, top: size + 1 }, left.map(rowOf))];
    const last = left[size - 1];
    token =
      found.length > size && last !== undefined
        ? writeContinuation(text, {
            after: keyOf(last).split("/"),
            delivered: delivered + size,
          })
        : undefined;
    pages.push({ rows: found.slice(0, size), token });
  } while (token !== undefined);
  return pages;
}

function keyOf({ identity }: StoredTwin): string {
  const { deviceId, moduleId } = identity;
  return moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
}
