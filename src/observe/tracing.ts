import type * as OpenTelemetryApi from "@opentelemetry/api";
import type { Context, Tracer } from "@opentelemetry/api";

type OpenTelemetry = Pick<
  typeof OpenTelemetryApi,
  "trace" | "context" | "propagation" | "SpanStatusCode"
>;

/** Under this name the OpenTelemetry API keeps what an SDK has registered. */
const registered = Symbol.for("opentelemetry.js.api.1");

/** The SDK that somebody has registered before the hub started; undefined if nobody has, at no cost. */
export async function findTracing(version: string): Promise<Tracing | undefined> {
  const found: unknown = Reflect.get(globalThis, registered);
  const hasTracer = typeof found === "object" && found !== null && "trace" in found;
  if (!hasTracer || found.trace === undefined) return undefined;
  const api = await import("@opentelemetry/api");
  return new Tracing(api, api.trace.getTracer("twinhub", version));
}

/** Spans of calls, under whatever span their caller has. */
export class Tracing {
  readonly #api: OpenTelemetry;
  readonly #tracer: Tracer;

  constructor(api: OpenTelemetry, tracer: Tracer) {
    this.#api = api;
    this.#tracer = tracer;
  }

  /** Runs `work` at once in a span named after the call, which ends with the promise that `work` gives. */
  readonly trace = <T>(
    call: string,
    attributes: Readonly<Record<string, string>>,
    work: () => T,
  ): T => {
    const { SpanStatusCode } = this.#api;
    return this.#tracer.startActiveSpan(`twinhub ${call}`, { attributes }, (span) => {
      const end = (error?: unknown): void => {
        const outcome = error === undefined ? "ok" : error instanceof Error ? error.name : "failed";
        span.setAttribute("twinhub.outcome", outcome);
        // The name says enough: a message could repeat what a caller has sent.
        if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: outcome });
        span.end();
      };
      try {
        const result = work();
        if (result instanceof Promise) result.then(() => end(), end);
        else end();
        return result;
      } catch (error) {
        end(error);
        throw error;
      }
    });
  };

  /**
   * Goes on under the span that W3C `traceparent` among the headers names, unless a span is active already, as it is where
   * the SDK instruments Node's HTTP server.
   */
  readonly continueFrom = (headers: object, next: () => void): void => {
    const { context, trace } = this.#api;
    if (trace.getActiveSpan() !== undefined) next();
    else context.with(this.#extract(headers), next);
  };

  #extract(headers: object): Context {
    const { context, propagation } = this.#api;
    return propagation.extract(context.active(), headers);
  }
}
