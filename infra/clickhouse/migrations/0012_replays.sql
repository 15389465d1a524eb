-- Replays: a run rebuilds rows in a database of its own. Here is what was meant and what came of it, and, in the database
-- of the run itself, how far it has read.

CREATE TABLE IF NOT EXISTS replay_runs
(
  `run_id` String COMMENT 'The run; its rows are in the database with _replay_ and this name appended.',
  `state` LowCardinality(String) COMMENT 'reading, or done.',
  `manifest` String COMMENT 'What it reads, as JSON: enough to repeat the run. Of one that is done also what was in it.',
  `digests` String COMMENT 'Of a run that is done: digest and rows of each table, as JSON.',
  `updated_at` DateTime64(3, 'UTC') COMMENT 'When this was so, by the clock of the writer; the newest row holds.'
)
ENGINE = ReplacingMergeTree(updated_at)
ORDER BY run_id
COMMENT 'Replays of this database.';

CREATE TABLE IF NOT EXISTS replay_offsets
(
  `service` LowCardinality(String) COMMENT 'The service whose part of the replay this is.',
  `topic` LowCardinality(String) COMMENT 'Topic it reads.',
  `partition` UInt32 COMMENT 'Partition of the topic.',
  `next_offset` UInt64 COMMENT 'Everything below this offset is durable: a run that was killed goes on from here.',
  `metadata` String COMMENT 'Offset of the releases topic that the rows are swept to.',
  `records` UInt64 COMMENT 'Records read below next_offset.',
  `content` String COMMENT 'Sum of the SHA-256 of these records, modulo 2^256, in hex.',
  `schema_ids` Array(Int32) COMMENT 'Schema ids that they name.'
)
ENGINE = ReplacingMergeTree(next_offset)
ORDER BY (service, topic, partition, metadata)
COMMENT 'In the database of a replay: how far it has read. Consumer groups are not asked, and none is touched.';
