import { everAlerted, maybeTainted, slicesOf } from '../shared/clickhouse/ask/alert-evidence.js';
import { ViewReader } from '../shared/clickhouse/ask/view-reader.js';
import type { ClickHouse } from '../shared/clickhouse/client.js';
import { readHorizon } from '../shared/clickhouse/horizon.js';
import { changedSince, flaggedModels, type Changed, type FlaggedModel } from './changes.js';
import { judge, type Reach } from './judge.js';
import { reviseAlerts, rowsOf, type AlertRow } from './rows.js';

/** What was judged of a model. */
interface Known {
  readonly state: string;
  /** When it was judged, all that was appended up to its last release record was applied, and older rows were swept. */
  readonly isFinal: boolean;
  /** What was appended after the horizon and is judged: by name, the version of its row. */
  readonly changes: ReadonlyMap<string, string>;
}

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

  /** Judges what may have changed since the last pass, at first everything. Gives the rows that say something new. */
  async *pass(signal: AbortSignal): AsyncGenerator<AlertRow[]> {
    // The horizon comes before the changes: what it promises must be in what is read after it. A flag that is read too early
    // is another state of its model in the next pass, which judges all of it.
    const [{ completeUntilMs, records: version }, models] = await Promise.all([
      readHorizon(this.database),
      flaggedModels(this.database),
    ]);
    const changes = await changedSince(this.database, models, this.#completeMs);
    const isWhole = (model: FlaggedModel): boolean => this.#isWhole(model, completeUntilMs);
    // Whoever waits for one new payment does not wait for the flag that came with a hundred thousand of them.
    for (const model of [...models].sort((a, b) => Number(isWhole(a)) - Number(isWhole(b)))) {
      const own = changes.get(model.model) ?? [];
      const reaches = isWhole(model) ? this.#everything(model) : this.#changed(model, own);
      for await (const reach of reaches) {
        signal.throwIfAborted();
        const [before, judged] = await Promise.all([
          rowsOf(this.database, model.model, reach),
          judge(this.database, model.model, reach),
        ]);
        const rows = await reviseAlerts(this.database, judged, { before, version });
        if (rows.length > 0) yield rows;
      }
      this.#known.set(model.model, {
        state: model.state,
        isFinal: completeUntilMs >= model.changedMs,
        changes: new Map(own.map(({ name, rowVersion }) => [name, rowVersion])),
      });
    }
    this.#completeMs = Math.max(this.#completeMs, completeUntilMs);
  }

  /** Whether all alerts of a model are judged: when its releases say something else, and when that holds everywhere. */
  #isWhole({ model, state, changedMs }: FlaggedModel, completeUntilMs: number): boolean {
    const known = this.#known.get(model);
    return known?.state !== state || (completeUntilMs >= changedMs && !known.isFinal);
  }

  async *#everything(model: FlaggedModel): AsyncGenerator<Reach> {
    yield 'serving';
    for (const payments of slicesOf(await everAlerted(new ViewReader(this.database), model))) yield { payments };
  }

  async *#changed({ model, flagged }: FlaggedModel, changes: readonly Changed[]): AsyncGenerator<Reach> {
    const known = this.#known.get(model)?.changes;
    const fresh = changes.filter(({ name, rowVersion }) => known?.get(name) !== rowVersion);
    if (fresh.some(({ paymentId }) => paymentId === null)) yield 'stale';
    for (const slice of slicesOf(fresh.flatMap(({ paymentId }) => paymentId ?? []))) {
      const payments = await maybeTainted(new ViewReader(this.database), { model, flagged }, slice);
      if (payments.length > 0) yield { payments };
    }
  }
}
