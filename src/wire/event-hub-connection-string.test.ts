import { describe, expect, it } from "vitest";
import { formatEventHubConnectionString } from "./event-hub-connection-string.ts";

const endpoint = {
  hostName: "hub.example.com",
  port: 5671,
  sharedAccessKeyName: "service",
  sharedAccessKey: "c2VjcmV0LWtleQ==",
  entityPath: "hub",
};

describe("an Event Hubs connection string", () => {
  it("has the order and the names that all clients read", () => {
    expect(formatEventHubConnectionString(endpoint)).toBe(
      "Endpoint=sb://hub.example.com/;SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0LWtleQ==;EntityPath=hub",
    );
  });

  it("names the port unless it is the usual one, and puts brackets around an IPv6 address", () => {
    expect(formatEventHubConnectionString({ ...endpoint, port: 6000 })).toContain(
      "sb://hub.example.com:6000/;",
    );
    expect(formatEventHubConnectionString({ ...endpoint, hostName: "::1" })).toContain(
      "sb://[::1]/;",
    );
  });

  it.each([{ sharedAccessKeyName: "a;b" }, { entityPath: "" }])("cannot hold %j", (wrong) => {
    expect(() => formatEventHubConnectionString({ ...endpoint, ...wrong })).toThrow(
      /no connection string can hold it/,
    );
  });
});
