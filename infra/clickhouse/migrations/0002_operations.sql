-- What became of the offsets that are not facts, and how far each service has come: together they account for every
-- offset of every input topic.

CREATE TABLE IF NOT EXISTS dead_letter_rows
(
  `topic` LowCardinality(String) COMMENT 'Topic the record was read from.',
  `partition` UInt32 COMMENT 'Kafka partition of the record.',
  `offset` UInt64 COMMENT 'Kafka offset of the record.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'Append time: when the log had the record.',
  `service` LowCardinality(String) COMMENT 'Service that refused it.',
  `code` LowCardinality(String) COMMENT 'Error code; each has a heading in the runbook.',
  `reason` String COMMENT 'What exactly is wrong with the record.',
  `key_base64` Nullable(String) COMMENT 'Key of the record, untouched, as base64; null when it had none.',
  `value_base64` Nullable(String) COMMENT 'Value of the record, untouched, as base64; null for a tombstone.',
  `headers_base64` Array(Tuple(name String, value Nullable(String))) COMMENT 'Headers of the record in their order, values untouched, as base64.'
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, partition, offset)
COMMENT 'Records refused for good, one row a delivery; the view dead_letters has each once.';

CREATE VIEW IF NOT EXISTS dead_letters
(
  `topic` LowCardinality(String) COMMENT 'Topic the record was read from.',
  `partition` UInt32 COMMENT 'Kafka partition of the record.',
  `offset` UInt64 COMMENT 'Kafka offset of the record.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'Append time: when the log had the record.',
  `service` LowCardinality(String) COMMENT 'Service that refused it.',
  `code` LowCardinality(String) COMMENT 'Error code; each has a heading in the runbook.',
  `reason` String COMMENT 'What exactly is wrong with the record.',
  `key` Nullable(String) COMMENT 'Key of the record, bytes untouched; null when it had none.',
  `value` Nullable(String) COMMENT 'Value of the record, bytes untouched; null for a tombstone.',
  `key_base64` Nullable(String) COMMENT 'Key of the record, as base64.',
  `value_base64` Nullable(String) COMMENT 'Value of the record, as base64.',
  `headers_base64` Array(Tuple(name String, value Nullable(String))) COMMENT 'Headers of the record in their order, values as base64.'
)
AS SELECT
  topic, partition, offset, appended_at, service, code, reason,
  base64Decode(key_base64) AS key, base64Decode(value_base64) AS value, key_base64, value_base64, headers_base64
FROM dead_letter_rows FINAL
COMMENT 'Records refused for good, each once, with reason, position and bytes.';

CREATE TABLE IF NOT EXISTS gap_rows
(
  `topic` LowCardinality(String) COMMENT 'Topic with the gap.',
  `partition` UInt32 COMMENT 'Partition with the gap.',
  `from_offset` UInt64 COMMENT 'First offset at which the log gave no record.',
  `to_offset` UInt64 COMMENT 'Offset after the last one missing.',
  `service` LowCardinality(String) COMMENT 'Service that read past it.',
  `reason` LowCardinality(String) COMMENT 'BEFORE_RETENTION: deleted by retention before it was read. NO_RECORD: transaction markers, compaction or deletion inside the log. OUT_OF_SCOPE: passed over by a replay that is about something else.',
  `appended_after` DateTime64(3, 'UTC') COMMENT 'No record of the gap was appended before this; 1970 when that is not known.',
  `appended_before` DateTime64(3, 'UTC') COMMENT 'No record of the gap was appended after this; 1970 when that is not known.'
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, partition, from_offset, to_offset, appended_after, appended_before)
COMMENT 'Declared gaps: offsets that hold no record for us; the view gaps has each once.';

CREATE VIEW IF NOT EXISTS gaps
(
  `topic` LowCardinality(String) COMMENT 'Topic with the gap.',
  `partition` UInt32 COMMENT 'Partition with the gap.',
  `from_offset` UInt64 COMMENT 'First offset at which the log gave no record.',
  `to_offset` UInt64 COMMENT 'Offset after the last one missing.',
  `service` LowCardinality(String) COMMENT 'Service that read past it.',
  `reason` LowCardinality(String) COMMENT 'BEFORE_RETENTION: deleted by retention before it was read. NO_RECORD: transaction markers, compaction or deletion inside the log. OUT_OF_SCOPE: passed over by a replay that is about something else.'
)
AS SELECT topic, partition, from_offset, to_offset, min(g.service) AS service, min(g.reason) AS reason
FROM gap_rows AS g
GROUP BY topic, partition, from_offset, to_offset
COMMENT 'Declared gaps, each once.';

CREATE VIEW IF NOT EXISTS gap_bounds
(
  `topic` LowCardinality(String) COMMENT 'Topic that lost records before they were read.',
  `partition` UInt32 COMMENT 'Partition that lost them.',
  `from_offset` UInt64 COMMENT 'First offset lost.',
  `to_offset` UInt64 COMMENT 'Offset after the last one lost.',
  `records` UInt64 COMMENT 'Number of records lost, at most.',
  `appended_after` DateTime64(3, 'UTC') COMMENT 'None of them was appended before this: answers as known before it lack nothing. 1970 when nothing of the partition was applied before.',
  `appended_before` DateTime64(3, 'UTC') COMMENT 'None of them was appended after this: the append time of what follows, or when the gap was declared.'
)
AS SELECT topic, partition, from_offset, to_offset, to_offset - from_offset AS records,
  max(g.appended_after) AS appended_after, min(g.appended_before) AS appended_before
FROM gap_rows AS g
WHERE g.reason = 'BEFORE_RETENTION'
GROUP BY topic, partition, from_offset, to_offset
COMMENT 'What the logs deleted before it was read, and when that was appended: answers as known at appended_after or later may lack it.';

CREATE TABLE IF NOT EXISTS progress_rows
(
  `service` LowCardinality(String) COMMENT 'Service whose progress this is.',
  `topic` LowCardinality(String) COMMENT 'Topic it reads.',
  `partition` UInt32 COMMENT 'Partition of the topic.',
  `next_offset` UInt64 COMMENT 'Everything below this offset is durable, and told apart from its copies.',
  `applied_until` DateTime64(3, 'UTC') COMMENT 'Greatest append time applied so far; 1970 before the first record.',
  `release_offset` UInt64 COMMENT 'Rows of records below next_offset hold what the releases topic says below this offset.',
  `complete_until` DateTime64(3, 'UTC') COMMENT 'Everything appended to the partition up to here is applied, and all it is joined with: copies told apart, releases, links. 1970 while that is not known.',
  `linked` Map(UInt32, UInt64) COMMENT 'Of payments: for each partition of the inferences topic the offset below which every inference has found the payments that name it.',
  `idle_at` DateTime64(3, 'UTC') COMMENT 'When the end of the partition was last seen to equal next_offset, by our clock; 1970 if never.',
  `updated_at` DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When this was written, by the clock of the database; the newest row holds.'
)
ENGINE = ReplacingMergeTree(updated_at)
ORDER BY (service, topic, partition)
COMMENT 'How far each service has come in each partition; the view progress has the newest row of each.';

CREATE VIEW IF NOT EXISTS progress
(
  `service` LowCardinality(String) COMMENT 'Service whose progress this is.',
  `topic` LowCardinality(String) COMMENT 'Topic it reads.',
  `partition` UInt32 COMMENT 'Partition of the topic.',
  `next_offset` UInt64 COMMENT 'Everything below this offset is durable, and told apart from its copies.',
  `applied_until` DateTime64(3, 'UTC') COMMENT 'Greatest append time applied so far; 1970 before the first record.',
  `release_offset` UInt64 COMMENT 'Rows of records below next_offset hold what the releases topic says below this offset.',
  `complete_until` DateTime64(3, 'UTC') COMMENT 'Everything appended to the partition up to here is applied, and all it is joined with: copies told apart, releases, links. 1970 while that is not known.',
  `linked` Map(UInt32, UInt64) COMMENT 'Of payments: for each partition of the inferences topic the offset below which every inference has found the payments that name it.',
  `idle_at` DateTime64(3, 'UTC') COMMENT 'When the end of the partition was last seen to equal next_offset, by our clock; 1970 if never.',
  `updated_at` DateTime64(6, 'UTC') COMMENT 'When this was written, by the clock of the database.'
)
AS SELECT service, topic, partition, next_offset, applied_until, release_offset, complete_until, linked, idle_at, updated_at
FROM progress_rows FINAL
COMMENT 'How far each service has come in each partition.';

CREATE VIEW IF NOT EXISTS horizon
(
  `complete_until` DateTime64(3, 'UTC') COMMENT 'An answer as known at a K up to here is final: everything appended up to then is applied, in every partition of every input topic. 1970 while a service has not told.',
  `applied_until` DateTime64(3, 'UTC') COMMENT 'Greatest append time applied so far: behind complete_until answers may still change.',
  `silent` Array(String) COMMENT 'Services that have not told how far they have come.'
)
AS SELECT
  if(empty(silent), min(p.complete_until), toDateTime64(0, 3, 'UTC')) AS complete_until,
  max(p.applied_until) AS applied_until,
  arrayFilter(one -> NOT has(groupUniqArray(p.service), one), ['release', 'inference', 'proof', 'agent', 'payment']) AS silent
FROM progress AS p
WHERE p.service IN ('release', 'inference', 'proof', 'agent', 'payment')
COMMENT 'Up to when answers are final.';

CREATE TABLE IF NOT EXISTS payment_refs
(
  `kind` LowCardinality(String) COMMENT 'inference: an allocation names the inference. session: the payment covers the inferences of a session.',
  `ref` String COMMENT 'The inference id or session id.',
  `payment_id` String COMMENT 'The payment to compute again when an inference of that id or session arrives.',
  `partition` UInt32 COMMENT 'Kafka partition of the payment: its owner computes it.'
)
ENGINE = ReplacingMergeTree
ORDER BY (ref, kind, payment_id, partition)
SETTINGS index_granularity = 1024
COMMENT 'What payments refer to, written before the inferences are looked for: whichever side comes second finds the other.';

CREATE TABLE IF NOT EXISTS copy_rows
(
  `stream` LowCardinality(String) COMMENT 'releases, inferences, proofs, agents or payments.',
  `partition` UInt32 COMMENT 'Kafka partition of the record.',
  `offset` UInt64 COMMENT 'Kafka offset of the record.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'Append time of the record.',
  `event_id` String COMMENT 'The event that it is a copy of.',
  `subject_id` String COMMENT 'What the record is about: the inference, payment, agent or model.',
  `counts` Bool COMMENT 'Whether this is the copy that counts: the first in log order.',
  `finding` LowCardinality(String) COMMENT 'Empty for the one that counts. DUPLICATE: says the same as it. EVENT_ID_CONFLICT: says something else under the same event_id. SAME_INFERENCE: another event about an inference that has one.',
  `of_partition` UInt32 COMMENT 'Kafka partition of the record that counts instead; its own when it counts itself.',
  `of_offset` UInt64 COMMENT 'Kafka offset of the record that counts instead; its own when it counts itself.',
  `copies` UInt32 COMMENT 'Number of records this was decided from: more is greater, and holds.'
)
ENGINE = ReplacingMergeTree(copies)
ORDER BY (stream, partition, offset)
COMMENT 'Records that share their event or inference with another: which counts, and which are ignored and why. All others count.';
