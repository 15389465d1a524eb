import { PAGE_ROWS, touchedSince, type Touched } from '../alert/feed.js';
import { currentState, isSame } from '../alert/needed.js';
import { readAlerts, type AlertRow } from '../alert/rows.js';
import { connectClickHouse, type ClickHouse } from '../shared/clickhouse/client.js';
import { sleep } from '../shared/clock.js';
import { listed } from '../shared/clickhouse/conditions.js';
import type { AlertState } from '../shared/core/alert-ledger.js';
import { isoFromMs } from '../shared/core/time.js';
import type { ListOptions } from './alerts.js';
import { SHORT } from './alerts-ids.js';
import { printJson, say, type CliContext } from './context.js';
import { usageError } from './exit.js';
import { readerConfig } from './stack-config.js';
import { printable } from './table.js';

const POLL_MS = 300;
/** An insert becomes visible after the moment that its rows carry. */
const OVERLAP_MS = 10_000;
/** Behind every row there is. */
const END_MS = 9_000_000_000_000;
const KEYS_MAX = 500;

/** Prints every state as it comes, until the command is interrupted. */
export async function followAlerts(options: ListOptions, context: CliContext): Promise<void> {
  if (options.known !== undefined) throw usageError('--follow and --known exclude each other');
  const database = connectClickHouse((await readerConfig(context)).reader);
  try {
    const follower = new Follower(database, options);
    await follower.start();
    say(context, 'following; Ctrl-C ends it');
    while (!context.signal.aborted) {
      for (const { alert, state } of await follower.next()) {
        if (options.json) printJson(context, stateJson(alert, state));
        else context.stdout.write(`${stateLine(alert, state)}\n`);
      }
      await sleep(POLL_MS, context.signal);
    }
  } finally {
    await database.close();
  }
}

interface Said {
  readonly alert: AlertRow;
  readonly state: AlertState;
}

/** Finds states that nobody was told of when it started. */
class Follower {
  #fromMs = 0;
  #startedMs = 0;
  readonly #seen = new Map<string, number>();
  /** What is said already of the alerts that changed since. */
  readonly #said = new Map<string, readonly AlertState[]>();

  constructor(
    private readonly database: Pick<ClickHouse, 'select'>,
    private readonly filter: ListOptions,
  ) {}

  async start(): Promise<void> {
    const { atMs } = await touchedSince(this.database, { writtenAtMs: END_MS, alertId: '' });
    this.#startedMs = atMs;
    this.#fromMs = atMs;
  }

  async next(): Promise<Said[]> {
    const said: Said[] = [];
    let after = { writtenAtMs: this.#fromMs, alertId: '' };
    for (;;) {
      const page = await touchedSince(this.database, after);
      const unseen = page.rows.filter((row) => !this.#seen.has(keyOf(row)));
      for (const row of unseen) this.#seen.set(keyOf(row), row.writtenAtMs);
      said.push(...(await this.#saidOf(unseen.filter((row) => this.#isMeant(row)))));
      const last = page.rows.at(-1);
      // While rows keep coming there is always one more: those are for the next time.
      if (last === undefined || page.rows.length < PAGE_ROWS) {
        this.#advance(page.atMs - OVERLAP_MS);
        return said.sort((a, b) => a.state.atMs - b.state.atMs);
      }
      after = last;
    }
  }

  #isMeant({ modelId, kind }: Touched): boolean {
    return (this.filter.model ?? modelId) === modelId && (this.filter.kind ?? kind) === kind;
  }

  async #saidOf(rows: readonly Touched[]): Promise<Said[]> {
    const said: Said[] = [];
    for (let i = 0; i < rows.length; i += KEYS_MAX) {
      const some = rows.slice(i, i + KEYS_MAX);
      const told = await this.#toldBefore(some.map(({ alertId }) => alertId));
      const models = listed('models', [...new Set(some.map(({ modelId }) => modelId))]);
      const subjects = listed('subjects', [...new Set(some.map(({ subject }) => subject))]);
      const ids = new Set(some.map(({ alertId }) => alertId));
      const condition = `model_id IN ${models.sql} AND subject IN ${subjects.sql}`;
      for (const alert of await readAlerts(this.database, condition, { ...models.params, ...subjects.params })) {
        if (!ids.has(alert.alertId)) continue;
        const before = this.#said.get(alert.alertId) ?? told.get(alert.alertId) ?? [];
        const states = alert.states.length === 0 ? [currentState(alert)] : alert.states;
        const fresh = states.filter((state) => !before.some((one) => isSame(one, state)));
        this.#said.set(alert.alertId, [...before, ...fresh]);
        said.push(...fresh.map((state) => ({ alert, state })));
      }
    }
    return said.filter(({ state }) => (this.filter.state ?? state.state) === state.state);
  }

  /** What the topic had when it started. */
  async #toldBefore(ids: readonly string[]): Promise<ReadonlyMap<string, AlertState[]>> {
    const rows = await this.database.select<{ alert_id: string; state: AlertState['state']; ms: string }>(
      `SELECT alert_id, state, toUnixTimestamp64Milli(changed_at) AS ms FROM alert_messages
       WHERE alert_id IN {ids:Array(String)} AND appended_at < fromUnixTimestamp64Milli({started:Int64}, 'UTC')`,
      { ids, started: this.#startedMs },
    );
    const told = new Map<string, AlertState[]>();
    for (const { alert_id: id, state, ms } of rows) {
      told.set(id, [...(told.get(id) ?? []), { state, atMs: Number(ms) }]);
    }
    return told;
  }

  #advance(untilMs: number): void {
    this.#fromMs = Math.max(this.#fromMs, untilMs);
    for (const [key, writtenAtMs] of this.#seen) if (writtenAtMs < this.#fromMs) this.#seen.delete(key);
  }
}

function keyOf({ alertId, writtenAtMs }: Touched): string {
  return `${alertId} ${String(writtenAtMs)}`;
}

function stateJson(alert: AlertRow, { state, atMs }: AlertState): object {
  return {
    alert_id: alert.alertId,
    kind: alert.kind,
    model: alert.modelId,
    release: alert.release,
    subject: alert.subject,
    severity: alert.severity,
    raised_at: isoFromMs(alert.raisedAtMs),
    state,
    changed_at: isoFromMs(atMs),
    retroactive: alert.retroactive,
    late: alert.late,
  };
}

function stateLine(alert: AlertRow, { state, atMs }: AlertState): string {
  const { alertId, kind, modelId, release, subject, severity, retroactive, late } = alert;
  const notes = [
    ...(severity === null ? [] : [severity]),
    ...(retroactive ? ['retroactive'] : []),
    ...(late ? ['late'] : []),
  ];
  const words = [isoFromMs(atMs), state.padEnd(8), alertId.slice(0, SHORT), kind, modelId, release, subject, ...notes];
  return words.map(printable).join('  ');
}
