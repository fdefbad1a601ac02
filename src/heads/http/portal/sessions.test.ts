import { describe, expect, it } from "vitest";
import type { SasToken } from "../../../domain/identity/credentials.ts";
import { systemRandom } from "../../../system.ts";
import { Sessions, defaultSessionLimits } from "./sessions.ts";

class Time {
  at = 1_000_000;
  now(): number {
    return this.at;
  }
  after(): () => void {
    return () => undefined;
  }
}

const token: SasToken = {
  rawResource: "h",
  rawExpiry: "9",
  expiry: 9_000_000,
  signature: "s",
  policy: "p",
};

function sessions(limits = {}): { time: Time; open: Sessions } {
  const time = new Time();
  return { time, open: new Sessions(time, systemRandom, { ...defaultSessionLimits, ...limits }) };
}

describe("sessions", () => {
  it("are found by their secret only", () => {
    const { open } = sessions();
    const { secret } = open.open(token);
    expect(open.find(secret)?.token).toBe(token);
    expect(open.find(`${secret}x`)).toBeUndefined();
    open.close(secret);
    expect(open.find(secret)).toBeUndefined();
  });

  it("end when nobody uses them", () => {
    const { time, open } = sessions({ idle: 100 });
    const { secret } = open.open(token);
    time.at += 99;
    expect(open.find(secret)).toBeDefined();
    time.at += 99;
    expect(open.find(secret)).toBeDefined();
    time.at += 100;
    expect(open.find(secret)).toBeUndefined();
  });

  it("end after their lifetime however much they are used, and never outlive their token", () => {
    const { time, open } = sessions({ lifetime: 150, idle: 100 });
    const { secret, ends } = open.open(token);
    expect(ends).toBe(time.at + 150);
    time.at += 90;
    expect(open.find(secret)).toBeDefined();
    time.at += 60;
    expect(open.find(secret)).toBeUndefined();
    expect(open.open({ ...token, expiry: (time.at + 10) / 1000 }).ends).toBe(time.at + 10);
  });

  it("are bounded: the one used least recently goes first", () => {
    const { open } = sessions({ sessions: 2 });
    const first = open.open(token);
    const second = open.open(token);
    open.find(first.secret);
    open.open(token);
    expect(open.find(second.secret)).toBeUndefined();
    expect(open.find(first.secret)).toBeDefined();
  });
});

describe("one-time codes", () => {
  it("work once and in time", () => {
    const { time, open } = sessions({ codeLifetime: 100 });
    const code = open.issueCode(token).secret;
    expect(open.redeem(code)).toBe(token);
    expect(open.redeem(code)).toBeUndefined();
    const late = open.issueCode(token).secret;
    time.at += 100;
    expect(open.redeem(late)).toBeUndefined();
  });

  it("are bounded: the oldest is forgotten", () => {
    const { open } = sessions({ codes: 1 });
    const oldest = open.issueCode(token).secret;
    const newest = open.issueCode(token).secret;
    expect(open.redeem(oldest)).toBeUndefined();
    expect(open.redeem(newest)).toBe(token);
  });
});
