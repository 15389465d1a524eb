/** Connections, all to be closed however it ends: also one that was still being opened then. */
export class Opened {
  readonly #connections: { close(): Promise<void> }[] = [];
  #isClosed = false;

  add<T extends { close(): Promise<void> }>(connection: T): T {
    if (this.#isClosed) connection.close().catch(() => undefined);
    else this.#connections.push(connection);
    return connection;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#connections.map((connection) => connection.close()));
  }
}
