import type { Connection, Engine } from './engine.js';
import { exception } from './errors.js';

interface NamedSession {
  connection: Connection;
  /** Values of settings as the session itself has them, of those that a request has overridden. */
  own: Map<string, string>;
  /** Overridden by the last request, and not yet put back. */
  overridden: Set<string>;
  busy: boolean;
  expiry: NodeJS.Timeout | null;
}

/** A session for the length of one request. */
export interface SessionInUse {
  connection: Connection;
  /**
   * The settings to SET before the statement, so that those of the request hold for this one statement only: it puts back what
   * the last request had overridden. Of SET itself the settings stay, and those that came with it are left out.
   */
  settingsFor(requested: ReadonlyMap<string, string>, isSetStatement: boolean): Promise<Map<string, string>>;
  release(): void;
}

const SESSIONS_MAX = 200;

/** `session_id`: a connection that stays, with its temporary tables, its SET and its USE, until nobody used it for a while. */
export class NamedSessions {
  readonly #engine: Engine;
  readonly #sessions = new Map<string, NamedSession>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  use(options: { id: string; timeoutSeconds: number; mustExist: boolean }): SessionInUse {
    let session = this.#sessions.get(options.id);
    if (session === undefined) {
      if (options.mustExist) throw exception(372, 'SESSION_NOT_FOUND', `Session ${options.id} not found`);
      if (this.#sessions.size >= SESSIONS_MAX) {
        throw exception(202, 'TOO_MANY_SIMULTANEOUS_QUERIES', `More than ${String(SESSIONS_MAX)} sessions are open`);
      }
      session = {
        connection: this.#engine.connect(),
        own: new Map(),
        overridden: new Set(),
        busy: false,
        expiry: null,
      };
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
    const settingsFor = (requested: ReadonlyMap<string, string>, isSet: boolean): Promise<Map<string, string>> =>
      settingsOf(mine, requested, isSet);
    return { connection: mine.connection, settingsFor, release };
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

async function settingsOf(
  session: NamedSession,
  requested: ReadonlyMap<string, string>,
  isSetStatement: boolean,
): Promise<Map<string, string>> {
  const settings = new Map<string, string>();
  for (const name of session.overridden) settings.set(name, session.own.get(name) ?? '');
  session.overridden.clear();
  if (isSetStatement) {
    session.own.clear();
    return settings;
  }
  // Once lowered, readonly cannot be raised again: the handler alone enforces it in a session.
  const names = [...requested.keys()].filter((name) => name !== 'readonly');
  await learn(
    session,
    names.filter((name) => !session.own.has(name)),
  );
  // How statements are found to be stopped; see run.ts.
  session.own.set('log_comment', '');
  for (const name of names) settings.set(name, requested.get(name) ?? '');
  session.overridden = new Set([...names, 'log_comment']);
  return settings;
}

async function learn(session: NamedSession, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const columns = names.map((name, index) => `toString(getSetting('${name}')) AS v${String(index)}`);
  const { bytes } = await session.connection.query(`SELECT ${columns.join(', ')}`, 'JSONCompactEachRow');
  const values = JSON.parse(bytes.toString()) as string[];
  names.forEach((name, index) => session.own.set(name, values[index] ?? ''));
}
