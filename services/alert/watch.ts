import { maybeTainted, type FlaggedWork } from '../shared/clickhouse/ask/alert-evidence.js';
import { ViewReader } from '../shared/clickhouse/ask/view-reader.js';
import type { ClickHouse } from '../shared/clickhouse/client.js';
import { readHorizon } from '../shared/clickhouse/horizon.js';
import { appliedRecords, changedSince, flaggedModels, type Changed, type FlaggedModel } from './changes.js';
import { judge, type Reach } from './judge.js';
import { reviseAlerts, type AlertRow } from './rows.js';

/** What was judged of a model. */
interface Known {
  readonly state: string;
  /** When it was judged, all that was appended up to its last release record was applied, and older rows were swept. */
  readonly isFinal: boolean;
  /** What was appended after the horizon and is judged: by name, the version of its row. */
  readonly changes: ReadonlyMap<string, string>;
}

/** Payments judged at once: all their records are in memory together. */
const PAYMENTS_MAX = 1_000;

/**
 * Finds out which alerts may have changed, and judges those again from all that is there.
 *
 * Whatever can change an alert is a row that somebody writes: of a payment, of an inference, of what a model's releases
 * come to. Each is looked at after it was written: the horizon says up to when everything that was appended is written,
 * and what was appended later is looked at in every pass until the horizon has gone by. So a payment that was judged
 * without a flag is judged again with it, in whatever order the two came, and nobody has to wait for anybody. Judging
 * twice is harmless: an alert is a pure function of the records, under an id of its own.
 */
export class Watch {
  readonly #known = new Map<string, Known>();
  #completeMs = 0;

  constructor(private readonly database: Pick<ClickHouse, 'select' | 'insert'>) {}

  /** Judges what may have changed since the last pass, at first everything. Returns the rows that say something new. */
  async pass(signal: AbortSignal): Promise<AlertRow[]> {
    // These come first: what they promise must be in what is read after them.
    const { completeUntilMs } = await readHorizon(this.database);
    const version = await appliedRecords(this.database);
    const models = await flaggedModels(this.database);
    const changes = await changedSince(this.database, models, this.#completeMs);
    const said: AlertRow[] = [];
    for (const model of models) {
      signal.throwIfAborted();
      const isFinal = completeUntilMs >= model.changedMs;
      const known = this.#known.get(model.model);
      const own = changes.get(model.model) ?? [];
      for (const reach of await this.#reaches(model, own, { known, isFinal })) {
        signal.throwIfAborted();
        const judged = await judge(this.database, model.model, reach);
        said.push(...(await reviseAlerts(this.database, judged, version)));
      }
      const judged = new Map(own.map(({ name, rowVersion }) => [name, rowVersion]));
      this.#known.set(model.model, { state: model.state, isFinal, changes: judged });
    }
    this.#completeMs = Math.max(this.#completeMs, completeUntilMs);
    return said;
  }

  async #reaches(
    model: FlaggedModel,
    changes: readonly Changed[],
    { known, isFinal }: { known: Known | undefined; isFinal: boolean },
  ): Promise<Reach[]> {
    if (known?.state !== model.state || (isFinal && !known.isFinal)) return ['all'];
    const fresh = changes.filter(({ name, rowVersion }) => known.changes.get(name) !== rowVersion);
    const reaches: Reach[] = fresh.some(({ paymentId }) => paymentId === null) ? ['stale'] : [];
    const payments = fresh.flatMap(({ paymentId }) => paymentId ?? []);
    for (const some of await this.#tainted(model, payments)) reaches.push({ payments: some });
    return reaches;
  }

  async #tainted(model: FlaggedWork, payments: readonly string[]): Promise<string[][]> {
    const views = new ViewReader(this.database);
    const slices = Array.from({ length: Math.ceil(payments.length / PAYMENTS_MAX) }, (_, i) =>
      payments.slice(i * PAYMENTS_MAX, (i + 1) * PAYMENTS_MAX),
    );
    const tainted: string[][] = [];
    for (const slice of slices) {
      const some = await maybeTainted(views, model, slice);
      if (some.length > 0) tainted.push(some);
    }
    return tainted;
  }
}
