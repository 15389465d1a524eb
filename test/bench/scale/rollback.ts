import { ViewReader } from '../../../services/shared/clickhouse/ask/view-reader.js';
import type { ClickHouse } from '../../../services/shared/clickhouse/client.js';
import { elapsedMs, now, sleep } from '../../../services/shared/clock.js';
import { attribute } from '../../../services/shared/core/attribution.js';
import { ReleaseLog } from '../../../services/shared/core/release-log.js';
import { measureLatency, type Latency } from '../latency.js';
import { progressOf } from './applied.js';
import type { Loader } from './load.js';
import { backDatedRollbackOf, CORRECTED_MODEL, inferenceOf, type Network } from './network.js';

export interface RollbackFigure {
  /** Inferences whose release it changed. */
  readonly corrected: number;
  /** From its append until every row holds it. */
  readonly seconds: number;
  readonly live: Latency & { readonly perSecond: number };
  /** Inferences of the model that were judged again by the pure core, and how many of the rows differ from it. */
  readonly compared: number;
  readonly different: number;
}

const WARM_UP_SECONDS = 3;
const LEAD_SECONDS = 3;
const LOOK_EVERY_MS = 50;
const GIVE_UP_MS = 600_000;
const COMPARED = 2000;
const RELEASED = 'SELECT count() AS n FROM inferences WHERE model_id = {model:String} AND release = {release:String}';

/** A rollback with an earlier effective time, while traffic goes on beside it. */
export async function rollBackLater(
  { database, loader, prefix }: { database: ClickHouse; loader: Loader; prefix: string },
  network: Network,
  { perSecond, seconds }: { perSecond: number; seconds: number },
): Promise<RollbackFigure> {
  const before = await countOf(database, 'v2');
  const traffic = liveTraffic(database, loader, { network, perSecond, seconds });
  // When something else fails first, nobody waits for it.
  traffic.catch(() => undefined);
  await sleep((WARM_UP_SECONDS + LEAD_SECONDS) * 1000);
  await loader.send('releases', [backDatedRollbackOf(network)]);
  const sentMs = elapsedMs();
  while ((await progressOf(database, prefix))('inferences').swept < loader.sent.releases) {
    if (elapsedMs() - sentMs > GIVE_UP_MS) break;
    await sleep(LOOK_EVERY_MS);
  }
  const took = (elapsedMs() - sentMs) / 1000;
  const after = await countOf(database, 'v2');
  const live = await traffic;
  const compared = await compareWithCore(database);
  return { corrected: before - after, seconds: took, live: { ...live, perSecond }, ...compared };
}

async function countOf(database: ClickHouse, release: string): Promise<number> {
  const [row] = await database.select<{ n: string }>(RELEASED, { model: CORRECTED_MODEL, release });
  return Number(row?.n);
}

/** New inferences of all models, as they happen. */
async function liveTraffic(
  database: ClickHouse,
  loader: Loader,
  { network, perSecond, seconds }: { network: Network; perSecond: number; seconds: number },
): Promise<Latency> {
  const known = await database.select<{ partition: number; last: string }>(
    'SELECT partition, max(offset) AS last FROM inference_rows GROUP BY partition',
  );
  const sender = {
    inferences: async (from: number, to: number): Promise<number> => {
      const at = now() * 1000;
      const indexes = Array.from({ length: to - from }, (_, i) => network.inferences + from + i);
      await loader.send(
        'inferences',
        indexes.map((i) => inferenceOf(i, network, at)),
      );
      return 0;
    },
  };
  return measureLatency(
    { database, sender, story: network, seen: new Map(known.map((row) => [row.partition, row.last])) },
    { perSecond, seconds, warmUpSeconds: WARM_UP_SECONDS },
  );
}

/** What the pure core says of a sample of the model's inferences, beside what the rows say. */
async function compareWithCore(database: ClickHouse): Promise<{ compared: number; different: number }> {
  const views = new ViewReader(database);
  const model = { model: CORRECTED_MODEL };
  const log = ReleaseLog.of(await views.records('releases', 'model_id = {model:String}', model));
  const sample = `model_id = {model:String} ORDER BY cityHash64(inference_id) LIMIT ${COMPARED}`;
  const records = await views.records('inferences', sample, model);
  const rows = await views.rows<{ inference_id: string }>(
    `SELECT inference_id, status, release, activation, phase FROM inferences WHERE ${sample}`,
    model,
  );
  const said = new Map(rows.map((row) => [row.inference_id, JSON.stringify(row)]));
  const view = log.model(CORRECTED_MODEL).asOf(now());
  const different = records.filter(({ record }) => {
    const { status, release, activation, phase } = attribute(record, view);
    const row = { inference_id: record.inference_id, status, release, activation, phase };
    return said.get(record.inference_id) !== JSON.stringify(row);
  });
  return { compared: records.length, different: different.length };
}
