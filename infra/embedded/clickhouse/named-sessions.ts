import type { Connection, Engine } from './engine.js';
import { exception } from './errors.js';

interface NamedSession {
  connection: Connection;
  busy: boolean;
  expiry: NodeJS.Timeout | null;
}

const SESSIONS_MAX = 200;

/** `session_id`: a connection that stays, with its temporary tables, its SET and its USE, until nobody used it for a while. */
export class NamedSessions {
  readonly #engine: Engine;
  readonly #sessions = new Map<string, NamedSession>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  use(options: { id: string; timeoutSeconds: number; mustExist: boolean }): {
    connection: Connection;
    release: () => void;
  } {
    let session = this.#sessions.get(options.id);
    if (session === undefined) {
      if (options.mustExist) throw exception(372, 'SESSION_NOT_FOUND', `Session ${options.id} not found`);
      if (this.#sessions.size >= SESSIONS_MAX) {
        throw exception(202, 'TOO_MANY_SIMULTANEOUS_QUERIES', `More than ${String(SESSIONS_MAX)} sessions are open`);
      }
      session = { connection: this.#engine.connect(), busy: false, expiry: null };
      this.#sessions.set(options.id, session);
    }
    const mine = session;
    if (mine.busy) throw exception(373, 'SESSION_IS_LOCKED', `Session ${options.id} is locked by a concurrent client`);
    mine.busy = true;
    if (mine.expiry !== null) clearTimeout(mine.expiry);
    const release = (): void => {
      mine.busy = false;
      mine.expiry = setTimeout(() => {
        this.#end(options.id);
      }, options.timeoutSeconds * 1000).unref();
    };
    return { connection: mine.connection, release };
  }

  close(): void {
    for (const id of [...this.#sessions.keys()]) this.#end(id);
  }

  #end(id: string): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    if (session.expiry !== null) clearTimeout(session.expiry);
    this.#sessions.delete(id);
    session.connection.close();
  }
}
