import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** As much of Azure Storage as an import or export needs: blocks, block lists and reads, behind one signature. */
export interface BlobServer {
  readonly origin: string;
  /** Whole blobs by path. */
  readonly blobs: Map<string, string>;
  /** Requests as they came: method, path and query. */
  readonly requests: string[];
  close(): Promise<void>;
}

export async function startBlobServer(signature: string): Promise<BlobServer> {
  const blobs = new Map<string, string>();
  const blocks = new Map<string, Buffer>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://storage");
    requests.push(`${request.method} ${request.url}`);
    const answer = (status: number, body = "", headers = {}): void =>
      void response.writeHead(status, headers).end(body);
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      if (url.searchParams.get("sig") !== signature)
        return answer(403, "", { "x-ms-error-code": "AuthenticationFailed" });
      if (request.method === "GET") {
        const found = blobs.get(url.pathname);
        return found === undefined
          ? answer(404, "", { "x-ms-error-code": "BlobNotFound" })
          : answer(200, found);
      }
      const block = url.searchParams.get("blockid");
      if (block !== null) blocks.set(`${url.pathname} ${block}`, body);
      else {
        const ids = [...body.toString().matchAll(/<Uncommitted>([^<]*)</g)].map(([, id]) => id);
        const all = ids.map((id) => blocks.get(`${url.pathname} ${id}`) ?? Buffer.from("missing"));
        blobs.set(url.pathname, Buffer.concat(all).toString());
      }
      return answer(201);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    blobs,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
