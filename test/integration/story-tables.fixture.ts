import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inference } from '../../services/inference/definition.js';
import { payment } from '../../services/payment/definition.js';
import { release } from '../../services/release/definition.js';
import { recordsOf } from '../../services/scenario/core-engine.js';
import { parseScenario } from '../../services/scenario/parse.js';
import type { Scenario } from '../../services/scenario/scenario.js';
import type { ClickHouse } from '../../services/shared/clickhouse/client.js';
import { clickHouseCopies } from '../../services/shared/clickhouse/copies.js';
import { FACT_TABLES, toFactRow } from '../../services/shared/clickhouse/fact-rows.js';
import { clickHouseStore } from '../../services/shared/clickhouse/store.js';
import { tellApart } from '../../services/shared/core/copies.js';
import type { Fact, RecordOf, Stream } from '../../services/shared/core/record.js';
import { ReleaseLog } from '../../services/shared/core/release-log.js';
import type { Records } from '../../services/shared/core/trail.js';
import { copyRow } from '../../services/shared/runtime/settler.js';
import { packageRoot } from '../../services/shared/package-root.js';

/** Stories in the tables as the services leave them, without Kafka: the same definitions make the rows. */

const STREAMS = ['releases', 'proofs', 'payments', 'agents'] as const satisfies Stream[];
const ROWS_MAX = 10_000;
const SPAN = { partition: 0, from: 0n, to: 1n << 40n };
const TABLES = [
  ...Object.values(FACT_TABLES),
  'payment_refs',
  'payment_rows',
  'payment_model_rows',
  'model_state_rows',
  'copy_rows',
];

export function readStory(name: string): Scenario {
  const file = join(packageRoot(), 'test', 'scenarios', `${name}.yaml`);
  return parseScenario(file, readFileSync(file, 'utf8'));
}

export function recordsOfStory(name: string): Records {
  return recordsOf(readStory(name));
}

export async function emptyTables(database: ClickHouse): Promise<void> {
  for (const table of TABLES) await database.command(`TRUNCATE TABLE ${table}`);
}

/** What the consumers write of these records, once they have seen all of them. */
export async function applyRecords(database: ClickHouse, records: Records): Promise<void> {
  const store = clickHouseStore(database, ROWS_MAX);
  for (const stream of STREAMS) {
    const facts = records[stream] as readonly Fact<RecordOf[typeof stream]>[];
    await store.insert(
      FACT_TABLES[stream],
      facts.map((fact) => toFactRow(fact)),
    );
  }
  const log = ReleaseLog.of(records.releases);
  const attributed = inference.attributed;
  if (attributed === undefined) throw new Error('inferences have rows');
  await store.insert(
    attributed.table,
    records.inferences.map((fact) => attributed.row(fact, { log, nextOffset: log.nextOffset })),
  );
  await tellCopiesApart(database);
  const { references } = payment;
  if (references !== undefined) await store.insert(references.table, references.rows(records.payments));
  const ids = (facts: readonly { readonly record: object }[], field: string): string[] => [
    ...new Set(facts.map(({ record }) => (record as Record<string, string>)[field] ?? '')),
  ];
  for (const [definition, subjects] of [
    [release, ids(records.releases, 'model_id')],
    [payment, ids(records.payments, 'payment_id')],
  ] as const) {
    if (subjects.length === 0 || definition.joined === null) continue;
    const rows = await definition.joined.rows({ kind: 'ids', ids: subjects }, { store });
    await store.insert(definition.joined.table, rows);
  }
}

async function tellCopiesApart(database: ClickHouse): Promise<void> {
  for (const stream of [...STREAMS, 'inferences'] as const) {
    for await (const facts of clickHouseCopies(database).sharing(stream, [SPAN])) {
      await database.insert(
        'copy_rows',
        tellApart(facts).map((verdict) => copyRow(stream, verdict)),
      );
    }
  }
}
