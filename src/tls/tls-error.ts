/** The certificates cannot be used or made. The message is one line that names the file and says what to do. */
export class TlsError extends Error {
  override readonly name = "TlsError";
}
