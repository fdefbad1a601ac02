import { describe, expect, it } from "vitest";
import { ownHost } from "./host.ts";

describe("the Host header", () => {
  const isOwn = ownHost(["myhub.localhost", "Hub.Example.com"], ["192.168.1.5", "fd00::5"]);

  it.each([
    "myhub.localhost",
    "MYHUB.localhost:443",
    "hub.example.com:8443",
    "localhost",
    "localhost:8443",
    "127.0.0.1",
    "127.9.8.7:443",
    "[::1]:443",
    "192.168.1.5:443",
    "[fd00::5]",
  ])("%s means this hub", (header) => {
    expect(isOwn(header)).toBe(true);
  });

  it.each([
    undefined,
    "",
    "example.com",
    "127.evil.example",
    "127.0.0.1.evil.example",
    "myhub.localhost.evil.example",
    "evil.example:myhub.localhost",
    "192.168.1.6",
    "[::2]",
    "myhub.localhost:x",
  ])("%s does not", (header) => {
    expect(isOwn(header)).toBe(false);
  });
});
