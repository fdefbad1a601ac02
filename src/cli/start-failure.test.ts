import { describe, expect, it } from "vitest";
import { loadConfig } from "../config/load.ts";
import { CliError } from "./cli-error.ts";
import { startFailure } from "./start-failure.ts";

const { hub: config } = loadConfig({ flags: {}, environment: {}, directory: "/" });

function refused(code: string, port: number): Error {
  return Object.assign(new Error(`listen ${code}`), { code, port, syscall: "listen" });
}

function line(error: unknown): string {
  const failure = startFailure(error, config);
  expect(failure).toBeInstanceOf(CliError);
  return (failure as CliError).message;
}

describe("a hub that may not bind 443", () => {
  it("is told the ways out and what another port costs", () => {
    const text = line(refused("EACCES", 443));

    expect(text).toContain("sudo sysctl net.ipv4.ip_unprivileged_port_start=443");
    expect(text).toContain("setcap cap_net_bind_service=+ep");
    expect(text).toContain("--https-port another port");
    expect(text).toContain("SDKs use 443 only");
    expect(text).not.toContain("\n");
  });

  it("is told the flag of each port that is in use", () => {
    expect(line(refused("EADDRINUSE", 443))).toContain("give --https-port another port");
    expect(line(refused("EADDRINUSE", 8883))).toContain("give --mqtts-port another port");
    expect(line(refused("EADDRINUSE", 5671))).toContain("give --amqps-port another port");
  });
});

describe("a failure that nobody foresaw", () => {
  it("stays what it is, so that it is reported as a defect", () => {
    const defect = new TypeError("x is not a function");

    expect(startFailure(defect, config)).toBe(defect);
  });
});
