import type { Duplex } from "node:stream";
import type { Clock, Log, Random } from "../../app/ports.ts";
import { HubError } from "../../domain/errors.ts";
import { formA, trackingId } from "./errors.ts";

/**
 * Ends a connection whose bytes are no request. Slow ones are closed without an answer: 408 is a status that no
 * client expects of the service (spec/rest §7.3).
 */
export function onClientError(parts: {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): (error: NodeJS.ErrnoException, socket: Duplex) => void {
  return (error, socket) => {
    parts.log.debug({ code: error.code }, "request not readable");
    if (
      !socket.writable ||
      error.code === "ECONNRESET" ||
      error.code === "ERR_HTTP_REQUEST_TIMEOUT"
    ) {
      socket.destroy();
      return;
    }
    const tooLarge = error.code === "HPE_HEADER_OVERFLOW";
    const text = tooLarge ? "The headers are too large" : "The request is not valid HTTP";
    const id = parts.random.uuid();
    const body = formA(new HubError("GenericBadRequest", text), trackingId(id, parts.clock.now()));
    const json = JSON.stringify(body);
    socket.end(
      [
        tooLarge ? "HTTP/1.1 431 Request Header Fields Too Large" : "HTTP/1.1 400 Bad Request",
        "Content-Type: application/json; charset=utf-8",
        `Content-Length: ${Buffer.byteLength(json)}`,
        "iothub-errorcode: GenericBadRequest",
        `x-ms-request-id: ${id}`,
        "Connection: close",
        "",
        json,
      ].join("\r\n"),
    );
  };
}
