import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  type SpanOptions,
  context,
  propagation,
  trace,
} from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type TestHub, startHub } from "../../src/testing/start-hub.ts";
import { liveOneDay } from "./story.ts";

interface Seen {
  readonly name: string;
  readonly attributes: Record<string, unknown>;
  readonly parent: string | undefined;
  ended: boolean;
  error: string | undefined;
}

/** The least that an SDK does: contexts that follow promises, W3C headers, and spans that are remembered. */
function registerSdk(): Seen[] {
  const seen: Seen[] = [];
  const storage = new AsyncLocalStorage<Context>();
  context.setGlobalContextManager({
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (of, work, self, ...args) => storage.run(of, () => work.apply(self as never, args)),
    bind: (_of, target) => target,
    enable: () => context as never,
    disable: () => context as never,
  });
  propagation.setGlobalPropagator({
    inject() {},
    fields: () => ["traceparent"],
    extract(of, headers: { traceparent?: string }) {
      const [, traceId, spanId] = headers.traceparent?.split("-") ?? [];
      if (traceId === undefined || spanId === undefined) return of;
      return trace.setSpanContext(of, { traceId, spanId, traceFlags: 1, isRemote: true });
    },
  });
  const startActiveSpan = (
    name: string,
    options: SpanOptions,
    work: (span: Span) => unknown,
  ): unknown => {
    const parent = trace.getSpanContext(context.active())?.spanId;
    const one: Seen = {
      name,
      attributes: { ...options.attributes },
      parent,
      ended: false,
      error: undefined,
    };
    seen.push(one);
    const spanContext = {
      traceId: "0".repeat(31) + "1",
      spanId: `own${seen.length}`,
      traceFlags: 1,
    };
    const span = Object.assign(trace.wrapSpanContext(spanContext), {
      setAttribute(key: string, value: unknown) {
        one.attributes[key] = value;
        return span;
      },
      setStatus({ message }: { message?: string }) {
        one.error = message;
        return span;
      },
      end() {
        one.ended = true;
      },
    });
    return context.with(trace.setSpan(context.active(), span), () => work(span));
  };
  trace.setGlobalTracerProvider({ getTracer: () => ({ startActiveSpan }) as never });
  return seen;
}

let hub: TestHub | undefined;
let seen: Seen[];
beforeEach(() => {
  seen = registerSdk();
});
afterEach(async () => {
  await hub?.stop();
  hub = undefined;
  trace.disable();
  context.disable();
  propagation.disable();
});

const parentHeader = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;

describe("spans", () => {
  it.each([
    ["device", undefined],
    ["module", "m1"],
  ])("tell of each call of a %s who it is about and how it ended", async (_kind, moduleId) => {
    hub = await startHub();
    const device = await hub.createDevice("d1");
    const identity = moduleId === undefined ? device : await hub.createModule("d1", moduleId);
    await liveOneDay(hub, identity);
    const common = {
      "twinhub.device.id": "d1",
      ...(moduleId === undefined ? {} : { "twinhub.module.id": moduleId }),
      "twinhub.outcome": "ok",
    };
    for (const [name, protocol] of [
      ["telemetry.send", "mqtt"],
      ["twins.updateReported", "mqtt"],
      ["twins.ownTwin", "mqtt"],
      ["twins.patch", "https"],
      ["methods.invoke", "https"],
    ]) {
      const found = seen.find((span) => span.name === `twinhub ${name}`);
      expect(found).toMatchObject({
        attributes: { ...common, "twinhub.protocol": protocol },
        ended: true,
        error: undefined,
      });
    }
  });

  it.each(["/twins/d1", "/twins/d1/modules/m1"])(
    "of %s stand below the caller's, also after a body was read, and name the refusal",
    async (path) => {
      hub = await startHub();
      await hub.call("PATCH", path, { tags: { a: 1 } }, { traceparent: parentHeader });
      const calls = seen.filter(({ name }) => /auth.request|twins.patch/.test(name));
      expect(calls.map(({ name, parent, error }) => [name, parent, error])).toEqual([
        ["twinhub auth.request", "b".repeat(16), undefined],
        ["twinhub twins.patch", "b".repeat(16), "DeviceNotFound"],
      ]);
    },
  );

  it("are not begun where no SDK was registered before the hub started", async () => {
    trace.disable();
    context.disable();
    propagation.disable();
    hub = await startHub();
    seen = registerSdk();
    await hub.createDevice("d1");
    expect(seen).toEqual([]);
  });
});
