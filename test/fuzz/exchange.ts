import { connect } from "node:net";

/** After this silence we end our side, after as much again the connection. Milliseconds. */
const silence = 40;
/** Of an answer, in characters; the rest is not looked at. */
const maxAnswer = 65_536;

/**
 * Sends the pieces over a connection of their own and resolves with all that came back when it is closed: by the hub,
 * or by us after a silence. `last` is what an honest client would send to end the conversation.
 */
export function exchange(port: number, pieces: readonly Buffer[], last: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.setTimeout(silence, () => {
      if (socket.writableEnded) socket.destroy();
      else socket.end();
    });
    socket.on("data", (chunk: Buffer) => {
      if (answer.length < maxAnswer) answer += chunk.toString("latin1");
      if (answer.includes("text/event-stream")) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(answer));
    socket.on("connect", () => {
      for (const piece of pieces) socket.write(piece);
      socket.write(last);
    });
  });
}
