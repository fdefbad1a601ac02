import { describe, expect, it } from "vitest";
import { defaultHostName, withPort } from "./addresses.ts";

describe("an address that people are told", () => {
  it.each([
    ["hub.example.com", 443, "hub.example.com"],
    ["hub.example.com", 8443, "hub.example.com:8443"],
    ["::1", 443, "[::1]"],
    ["2001:db8::7", 8443, "[2001:db8::7]:8443"],
  ])("%s with port %i is %s in a link", (hostName, port, text) => {
    expect(withPort(hostName, port)).toBe(text);
    expect(URL.canParse(`https://${withPort(hostName, port)}/portal`)).toBe(true);
  });

  it.each([
    ["0.0.0.0", "127.0.0.1"],
    ["::", "127.0.0.1"],
    ["127.0.0.2", "127.0.0.2"],
  ])("is one that clients can dial: listening on %s means %s", (listen, hostName) => {
    expect(defaultHostName(listen)).toBe(hostName);
  });
});
