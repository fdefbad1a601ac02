import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { postToWebhook } from "./webhook-post.ts";

interface Heard {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

let server: Server;
let heard: Heard[] = [];

/** Listens and answers every request as told. */
async function listen(answer: (response: ServerResponse) => void): Promise<string> {
  heard = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method, url, headers } = request;
      heard.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/in?x=1`;
}

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const post = (url: string, signal = new AbortController().signal) =>
  postToWebhook({
    url,
    headers: { "content-type": "application/json" },
    body: Buffer.from("[]"),
    signal,
  });

describe("postToWebhook", () => {
  it("sends the body and resolves with the status", async () => {
    const url = await listen((response) => response.writeHead(202).end("thanks"));
    expect(await post(url)).toEqual({ status: 202 });
    expect(heard).toMatchObject([
      {
        method: "POST",
        url: "/in?x=1",
        body: "[]",
        headers: { "content-type": "application/json", "content-length": "2" },
      },
    ]);
  });

  it("uses a connection again, and throws long answers away", async () => {
    const url = await listen((response) => response.end("x".repeat(1_000_000)));
    let connections = 0;
    server.on("connection", () => (connections += 1));
    for (let n = 0; n < 3; n++) expect(await post(url)).toEqual({ status: 200 });
    expect(connections).toBe(1);
  });

  it("follows no redirect", async () => {
    const url = await listen((response) =>
      response.writeHead(307, { location: "http://127.0.0.1:1/" }).end(),
    );
    expect(await post(url)).toEqual({ status: 307 });
    expect(heard).toHaveLength(1);
  });

  it("rejects when it is given up, before an answer and amid one", async () => {
    const url = await listen(() => undefined);
    const abort = new AbortController();
    const waiting = post(url, abort.signal);
    await new Promise<void>((resolve) => server.once("request", () => resolve()));
    abort.abort();
    await expect(waiting).rejects.toThrow();

    server.closeAllConnections();
    server.close();
    const slow = await listen((response) => void response.writeHead(200).write("never"));
    const second = new AbortController();
    const answering = post(slow, second.signal);
    await new Promise<void>((resolve) => server.once("request", () => resolve()));
    second.abort();
    await expect(answering).rejects.toThrow();
  });

  it("rejects when there is nobody, or the other side hangs up", async () => {
    const url = await listen((response) => response.socket?.destroy());
    await expect(post(url)).rejects.toThrow();
    // No system gives this port to somebody who asks for any.
    await expect(post("http://127.0.0.1:1/in")).rejects.toThrow(/ECONNREFUSED/);
  });
});
