import type { Server, Socket } from "node:net";

/** Counts a listener's bytes, TLS included, when somebody asks: sockets know how much they carried. */
export class NetworkCount {
  readonly #open = new Set<Socket>();
  #received = 0;
  #sent = 0;

  /** As many sockets are remembered as the listener lets in. */
  watch(server: Server): void {
    server.on("connection", (socket: Socket) => {
      this.#open.add(socket);
      socket.once("close", () => {
        this.#open.delete(socket);
        this.#received += socket.bytesRead;
        this.#sent += socket.bytesWritten;
      });
    });
  }

  read(): { readonly received: number; readonly sent: number } {
    let [received, sent] = [this.#received, this.#sent];
    for (const socket of this.#open) {
      received += socket.bytesRead;
      sent += socket.bytesWritten;
    }
    return { received, sent };
  }
}
