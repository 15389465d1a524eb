-- Dead letters that were sent to their topic again: what was meant, before it was done, and what came of it. Rows are only
-- ever added.

CREATE TABLE IF NOT EXISTS redrive_rows
(
  `redrive_id` String COMMENT 'Names one attempt to redrive one dead letter; the copy carries it in the header backtrail.redriven.id.',
  `topic` LowCardinality(String) COMMENT 'Topic of the dead letter, and of its copy.',
  `partition` UInt32 COMMENT 'Kafka partition of the dead letter.',
  `offset` UInt64 COMMENT 'Kafka offset of the dead letter.',
  `step` LowCardinality(String) COMMENT 'INTENDED: about to be sent. SENT: the log has the copy. NOT_SENT: the log has none, looked for later than it could have come; or somebody else was first.',
  `at` DateTime64(3, 'UTC') COMMENT 'When this step was written, by the clock of the writer.',
  `by` String COMMENT 'Who redrives it, as they said.',
  `search_from` UInt64 COMMENT 'End of the partition before the copy was sent: the copy is there or later.',
  `to_partition` UInt32 COMMENT 'Kafka partition of the copy; 0 unless SENT.',
  `to_offset` UInt64 COMMENT 'Kafka offset of the copy; 0 unless SENT.'
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, partition, offset, redrive_id, step)
COMMENT 'Steps of redriving dead letters; the view redrives has each attempt once.';

CREATE VIEW IF NOT EXISTS redrives
(
  `redrive_id` String COMMENT 'Names the attempt; the copy carries it in the header backtrail.redriven.id.',
  `topic` LowCardinality(String) COMMENT 'Topic of the dead letter, and of its copy.',
  `partition` UInt32 COMMENT 'Kafka partition of the dead letter.',
  `offset` UInt64 COMMENT 'Kafka offset of the dead letter.',
  `by` String COMMENT 'Who redrove it.',
  `intended_at` DateTime64(3, 'UTC') COMMENT 'When it was meant to be sent.',
  `search_from` UInt64 COMMENT 'End of the partition before it was sent.',
  `state` LowCardinality(String) COMMENT 'SENT: the log has the copy. NOT_SENT: it has none. INTENDED: cut off in between, the next redrive looks for the copy.',
  `to_partition` Nullable(UInt32) COMMENT 'Kafka partition of the copy; null unless SENT. Where the copy is a dead letter, too, dead_letters has it under this position.',
  `to_offset` Nullable(UInt64) COMMENT 'Kafka offset of the copy; null unless SENT.'
)
AS SELECT
  redrive_id, topic, partition, offset, any(r.by) AS by, min(r.at) AS intended_at, min(r.search_from) AS search_from,
  multiIf(countIf(step = 'SENT') > 0, 'SENT', countIf(step = 'NOT_SENT') > 0, 'NOT_SENT', 'INTENDED') AS state,
  if(state = 'SENT', maxIf(r.to_partition, step = 'SENT'), NULL) AS to_partition,
  if(state = 'SENT', maxIf(r.to_offset, step = 'SENT'), NULL) AS to_offset
FROM redrive_rows AS r
GROUP BY redrive_id, topic, partition, offset
COMMENT 'Attempts to redrive dead letters, each once.';
