import type { KafkaConfig } from '../shared/config.js';
import { createAdmin } from '../shared/kafka/admin.js';
import { createPlacingProducer } from '../shared/kafka/placing-producer.js';
import { chunksOf } from '../shared/kafka/producer.js';
import { scanLog } from '../shared/kafka/scan.js';
import { redriveIdOf } from './headers.js';
import type { RedriveLog } from './redrive.js';

/** The log on Kafka. Close it, or the process does not end. */
export async function kafkaRedriveLog(settings: KafkaConfig): Promise<RedriveLog & { close(): Promise<void> }> {
  const admin = await createAdmin(settings);
  const producer = await createPlacingProducer(settings).catch(async (error: unknown) => {
    await admin.close();
    throw error;
  });
  const endOffset: RedriveLog['endOffset'] = async (topic, partition) =>
    (await admin.endOffsets(topic)).get(partition) ?? 0n;
  return {
    endOffset,
    async place(topic, records) {
      const offsets: bigint[] = [];
      for (const chunk of chunksOf(records)) offsets.push(...(await producer.place(topic, chunk)));
      return offsets;
    },
    async find({ topic, partition, from, appendedBeforeMs, redriveIds }) {
      const found = new Map<string, bigint>();
      const to = await endOffset(topic, partition);
      await scanLog(settings, { topic, partition, from, to }, ({ offset, appendedAtMs, headers }) => {
        const redriveId = redriveIdOf(headers);
        if (redriveId !== null && redriveIds.has(redriveId)) found.set(redriveId, offset);
        return found.size === redriveIds.size || appendedAtMs > appendedBeforeMs ? 'enough' : 'more';
      });
      return found;
    },
    async close() {
      await Promise.allSettled([producer.close(), admin.close()]);
    },
  };
}
