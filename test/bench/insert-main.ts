import { InferenceTranscoder } from '../../services/inference/transcoder.js';
import { connectClickHouse } from '../../services/shared/clickhouse/client.js';
import { loadConfig } from '../../services/shared/config.js';
import { ReleaseLog } from '../../services/shared/core/release-log.js';
import { valueEncoder } from '../../services/shared/kafka/encode.js';
import type { EncodedRows } from '../../services/shared/runtime/accept.js';
import { inferenceOf, releasesOf } from './records.js';

/** The same rows, prepared beforehand in blocks of the size that the service has, inserted one block after the other. */
const [count = 0, releaseCount = 0, startMicros = 0, blockRows = 0] = process.argv.slice(2).map(Number);
const story = { startMicros };
const log = ReleaseLog.of(
  releasesOf(releaseCount, story).map((record, i) => {
    return { record, key: '', position: { partition: 0, offset: BigInt(i), appendedAtMs: 0 } };
  }),
);
const transcoder = new InferenceTranscoder({ log, nextOffset: log.nextOffset });
const encoder = valueEncoder('inferences', 1);
const appendedAtMs = Math.ceil(startMicros / 1000) + 3_600_000;
const blocks: EncodedRows[] = [];
for (let i = 0; i < count; i += 1) {
  const record = inferenceOf(i, story);
  const value = encoder.encode(record);
  transcoder.add({ offset: BigInt(i), appendedAtMs, key: Buffer.from(record.inference_id), value, headers: [] }, 0);
  const block = (i + 1) % blockRows === 0 || i + 1 === count ? transcoder.take() : null;
  if (block !== null) blocks.push(block);
}
const database = connectClickHouse(loadConfig(process.env).clickhouse);
console.log('begin');
for (const block of blocks) await database.insertBytes('inference_rows', block, [block.bytes]);
console.log('end');
process.on('SIGTERM', () => {
  process.exit(0);
});
setInterval(() => undefined, 1000);
