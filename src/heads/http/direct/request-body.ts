import type { IncomingMessage } from "node:http";

/** The bytes of a body whose length was declared, and so is bounded. Rejects if the caller leaves before its end. */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (request.destroyed)
      return reject(Object.assign(new Error("The caller has left"), { code: "ECONNRESET" }));
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => void parts.push(part));
    request.once("end", () => {
      const [only] = parts;
      resolve(parts.length === 1 && only !== undefined ? only : Buffer.concat(parts));
    });
    request.once("error", reject);
  });
}
