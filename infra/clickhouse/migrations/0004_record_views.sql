-- The records that count, for analysts: of several copies of one event the first in log order, and of several events
-- about one inference likewise (SPEC 2; decided in copy_rows). What was known at K are those with `appended_at` up to it.

CREATE VIEW IF NOT EXISTS release_records
(
  `partition` UInt32 COMMENT 'Kafka partition of the record.',
  `offset` UInt64 COMMENT 'Kafka offset of the record.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'Append time: when the log had the record (LogAppendTime). Knowledge time counts by this.',
  `key` String COMMENT 'Key of the record, empty when it had none.',
  `event_id` String COMMENT 'Unique name of this event within its topic. A second copy under the same event_id is a duplicate when it is identical and a finding when it differs.',
  `occurred_at` DateTime64(6, 'UTC') COMMENT 'Event time: when the event happened, by the clock of the source. UTC.',
  `source` String COMMENT 'Who says so: the name of the indexer, node, gateway or person that reported the event.',
  `source_ref` Nullable(String) COMMENT 'Where the source has it from: transaction hash and log index, URL or job id.',
  `model_id` String COMMENT 'The model whose releases this is about, and the key of the record.',
  `action` LowCardinality(String) COMMENT 'What happened.',
  `release` Nullable(String) COMMENT 'The release concerned. PUBLISHED: the release that exists. ROLLED_BACK: the release undone. FLAGGED: the release declared bad. TARGET_BOUND, TARGET_UNBOUND, INCIDENT_CLOSED, RETIRED: the release named. Names carry no order.',
  `effective_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'Effective time: from when the event counts. May lie before occurred_at (back-dated). Null means occurred_at. UTC.',
  `reason` Nullable(String) COMMENT 'Why it was done, in the words of the actor.',
  `actor` Nullable(String) COMMENT 'Who did it: person, role or automation.',
  `blob_ids` Array(String) COMMENT 'PUBLISHED: Walrus blob ids the release consists of. Several records of a release add up. Empty for proxied models, which have no model blob.',
  `digest` Nullable(String) COMMENT 'PUBLISHED: digest of the release, for instance the enclave measurement of a gateway image.',
  `traffic` Map(String, Int32) COMMENT 'TRAFFIC_SET, ROLLED_BACK: the complete traffic split from the effective time on, release to basis points. The shares sum to 10000, or the map is empty, which means an outage. Null for ROLLED_BACK means everything to the release in `to`.',
  `traffic_given` Bool COMMENT 'Whether the record has traffic: null and empty mean different things.',
  `to` Nullable(String) COMMENT 'ROLLED_BACK: the release restored.',
  `flag_id` Nullable(String) COMMENT 'FLAGGED, UNFLAGGED: name of the flag within its model.',
  `severity` Nullable(String) COMMENT 'FLAGGED: how bad it is, in the words of whoever raised the flag.',
  `activation` Nullable(Int32) COMMENT 'FLAGGED: limits the flag to the activation with this number, counted from 1 in time order.',
  `from` Nullable(DateTime64(6, 'UTC')) COMMENT 'FLAGGED: limits the flag to event times at or after this one. UTC.',
  `until` Nullable(DateTime64(6, 'UTC')) COMMENT 'FLAGGED: limits the flag to event times before this one. UTC.',
  `targets` Array(String) COMMENT 'FLAGGED: limits the flag to inferences served by these targets. Null means every target.',
  `targets_given` Bool COMMENT 'Whether the record has targets: null and empty mean different things.',
  `target_id` Nullable(String) COMMENT 'TARGET_BOUND, TARGET_UNBOUND: the TEE or node that runs the release or left the registry.'
)
AS SELECT `partition`, `offset`, `appended_at`, `key`, `event_id`, `occurred_at`, `source`, `source_ref`, `model_id`, `action`, `release`, `effective_at`, `reason`, `actor`, `blob_ids`, `digest`, `traffic`, `traffic_given`, `to`, `flag_id`, `severity`, `activation`, `from`, `until`, `targets`, `targets_given`, `target_id`
FROM release_facts FINAL
WHERE (partition, offset) NOT IN (SELECT partition, offset FROM copy_rows FINAL WHERE stream = 'releases' AND NOT counts)
COMMENT 'Release events, each event once.';

CREATE VIEW IF NOT EXISTS inference_records
(
  `partition` UInt32 COMMENT 'Kafka partition of the record.',
  `offset` UInt64 COMMENT 'Kafka offset of the record.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'Append time: when the log had the record (LogAppendTime). Knowledge time counts by this.',
  `key` String COMMENT 'Key of the record, empty when it had none.',
  `event_id` String COMMENT 'Unique name of this event within its topic. A second copy under the same event_id is a duplicate when it is identical and a finding when it differs.',
  `occurred_at` DateTime64(6, 'UTC') COMMENT 'Event time: when the model ran, by the clock of the source. UTC.',
  `source` LowCardinality(String) COMMENT 'Who says so: the name of the indexer, node, gateway or person that reported the event.',
  `source_ref` Nullable(String) COMMENT 'Where the source has it from: transaction hash and log index, URL or job id.',
  `inference_id` String COMMENT 'The inference, and the key of the record.',
  `model_id` LowCardinality(String) COMMENT 'The model that ran.',
  `requested_model` LowCardinality(Nullable(String)) COMMENT 'The model name as the request had it, before any alias was resolved.',
  `release` LowCardinality(Nullable(String)) COMMENT 'The release as the node or gateway reports it. A claim, and weaker evidence than target and blob.',
  `blob_id` LowCardinality(Nullable(String)) COMMENT 'Walrus blob id of the model file that produced the output.',
  `target_id` LowCardinality(Nullable(String)) COMMENT 'The TEE or node that served the request.',
  `agent_id` Nullable(String) COMMENT 'The agent that made the request.',
  `session_id` Nullable(String) COMMENT 'The payment session the request belongs to.',
  `request_hash` Nullable(String) COMMENT 'Hash of the request, as signed by the TEE.',
  `output_hash` Nullable(String) COMMENT 'Hash of the output, as signed by the TEE.',
  `cost` Nullable(UInt256) COMMENT 'Cost in the smallest unit of the asset, a decimal integer of at most 2^256 - 1. Weighs the split of a payment.',
  `clock_error_ms` Nullable(Int32) COMMENT 'How far, in milliseconds, the clock behind occurred_at may be off. Null means 0.'
)
AS SELECT `partition`, `offset`, `appended_at`, `key`, `event_id`, `occurred_at`, `source`, `source_ref`, `inference_id`, `model_id`, `requested_model`, claim AS `release`, `blob_id`, `target_id`, `agent_id`, `session_id`, `request_hash`, `output_hash`, `cost`, `clock_error_ms`
FROM inference_rows FINAL
WHERE (partition, offset) NOT IN (SELECT partition, offset FROM copy_rows FINAL WHERE stream = 'inferences' AND NOT counts)
COMMENT 'Inferences as they were reported, each event once.';

CREATE VIEW IF NOT EXISTS proof_records
(
  `partition` UInt32 COMMENT 'Kafka partition of the record.',
  `offset` UInt64 COMMENT 'Kafka offset of the record.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'Append time: when the log had the record (LogAppendTime). Knowledge time counts by this.',
  `key` String COMMENT 'Key of the record, empty when it had none.',
  `event_id` String COMMENT 'Unique name of this event within its topic. A second copy under the same event_id is a duplicate when it is identical and a finding when it differs.',
  `occurred_at` DateTime64(6, 'UTC') COMMENT 'Event time: when the proof reached the state, by the clock of the source. UTC.',
  `source` String COMMENT 'Who says so: the name of the indexer, node, gateway or person that reported the event.',
  `source_ref` Nullable(String) COMMENT 'Where the source has it from: transaction hash and log index, URL or job id.',
  `proof_id` String COMMENT 'The proof.',
  `inference_id` String COMMENT 'The inference the proof is about, and the key of the record.',
  `path` LowCardinality(String) COMMENT 'The proof path: how the inference is verified.',
  `state` LowCardinality(String) COMMENT 'The state the proof has reached.',
  `verifier` Nullable(String) COMMENT 'Who verified it: contract address or service.',
  `target_id` Nullable(String) COMMENT 'The TEE or node whose key or measurement the proof rests on.',
  `digest` Nullable(String) COMMENT 'Digest the proof attests, for instance an enclave measurement.',
  `evidence_blob_id` Nullable(String) COMMENT 'Walrus blob id of the evidence. Never a model blob.',
  `batch_root` Nullable(String) COMMENT 'Merkle root of the settlement batch that holds the proof.',
  `leaf_index` Nullable(Int64) COMMENT 'Index of the leaf of the proof in its batch, counted from 0.',
  `tx_hash` Nullable(String) COMMENT 'Transaction that carries the proof or its verification.'
)
AS SELECT `partition`, `offset`, `appended_at`, `key`, `event_id`, `occurred_at`, `source`, `source_ref`, `proof_id`, `inference_id`, `path`, `state`, `verifier`, `target_id`, `digest`, `evidence_blob_id`, `batch_root`, `leaf_index`, `tx_hash`
FROM proof_facts FINAL
WHERE (partition, offset) NOT IN (SELECT partition, offset FROM copy_rows FINAL WHERE stream = 'proofs' AND NOT counts)
COMMENT 'Proof records, each event once.';

CREATE VIEW IF NOT EXISTS payment_records
(
  `partition` UInt32 COMMENT 'Kafka partition of the record.',
  `offset` UInt64 COMMENT 'Kafka offset of the record.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'Append time: when the log had the record (LogAppendTime). Knowledge time counts by this.',
  `key` String COMMENT 'Key of the record, empty when it had none.',
  `event_id` String COMMENT 'Unique name of this event within its topic. A second copy under the same event_id is a duplicate when it is identical and a finding when it differs.',
  `occurred_at` DateTime64(6, 'UTC') COMMENT 'Event time: when the payment reached the state, by the clock of the source. UTC.',
  `source` String COMMENT 'Who says so: the name of the indexer, node, gateway or person that reported the event.',
  `source_ref` Nullable(String) COMMENT 'Where the source has it from: transaction hash and log index, URL or job id.',
  `payment_id` String COMMENT 'The payment, and the key of the record.',
  `state` LowCardinality(String) COMMENT 'The state the payment has reached. The settlement time is the occurred_at of its earliest SETTLED.',
  `amount` UInt256 COMMENT 'Amount in the smallest unit of the asset, a decimal integer of at most 2^256 - 1.',
  `asset` String COMMENT 'The asset paid in: symbol or token address.',
  `network` String COMMENT 'The network it settles on, as CAIP-2 chain id.',
  `payer` String COMMENT 'Address that pays.',
  `payee` String COMMENT 'Address that is paid.',
  `session_id` Nullable(String) COMMENT 'The payment session. Without allocations the payment covers all inferences of it.',
  `model_id` Nullable(String) COMMENT 'The model paid for, where the payment itself says so.',
  `tx_hash` Nullable(String) COMMENT 'Transaction that settles, refunds or reverses the payment.',
  `allocations` Array(Tuple(inference_id String, amount Nullable(UInt256))) COMMENT 'The inferences the payment is for. An inference named twice is one link with the amounts added.'
)
AS SELECT `partition`, `offset`, `appended_at`, `key`, `event_id`, `occurred_at`, `source`, `source_ref`, `payment_id`, `state`, `amount`, `asset`, `network`, `payer`, `payee`, `session_id`, `model_id`, `tx_hash`, `allocations`
FROM payment_facts FINAL
WHERE (partition, offset) NOT IN (SELECT partition, offset FROM copy_rows FINAL WHERE stream = 'payments' AND NOT counts)
COMMENT 'Payment records, each event once.';

CREATE VIEW IF NOT EXISTS agent_records
(
  `partition` UInt32 COMMENT 'Kafka partition of the record.',
  `offset` UInt64 COMMENT 'Kafka offset of the record.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'Append time: when the log had the record (LogAppendTime). Knowledge time counts by this.',
  `key` String COMMENT 'Key of the record, empty when it had none.',
  `event_id` String COMMENT 'Unique name of this event within its topic. A second copy under the same event_id is a duplicate when it is identical and a finding when it differs.',
  `occurred_at` DateTime64(6, 'UTC') COMMENT 'Event time: when the agent changed, reverted or acknowledged, by the clock of the source. UTC.',
  `source` String COMMENT 'Who says so: the name of the indexer, node, gateway or person that reported the event.',
  `source_ref` Nullable(String) COMMENT 'Where the source has it from: transaction hash and log index, URL or job id.',
  `agent_id` String COMMENT 'The agent, and the key of the record.',
  `change_id` String COMMENT 'Name of this change, for later records to refer to.',
  `action` LowCardinality(String) COMMENT 'What the agent did.',
  `kind` LowCardinality(String) COMMENT 'What about the agent changed.',
  `model_id` Nullable(String) COMMENT 'The model the change is about. Null means any.',
  `before_digest` Nullable(String) COMMENT 'Digest of what it was before the change.',
  `after_digest` Nullable(String) COMMENT 'Digest of what it is after the change.',
  `caused_by` Array(String) COMMENT 'Ids of the inferences that caused the change.',
  `upstream_agent_ids` Array(String) COMMENT 'Ids of the agents whose output the agent used.',
  `reverts_change_id` Nullable(String) COMMENT 'REVERTED: the change_id of the change taken back.'
)
AS SELECT `partition`, `offset`, `appended_at`, `key`, `event_id`, `occurred_at`, `source`, `source_ref`, `agent_id`, `change_id`, `action`, `kind`, `model_id`, `before_digest`, `after_digest`, `caused_by`, `upstream_agent_ids`, `reverts_change_id`
FROM agent_facts FINAL
WHERE (partition, offset) NOT IN (SELECT partition, offset FROM copy_rows FINAL WHERE stream = 'agents' AND NOT counts)
COMMENT 'Agent records, each event once.';

CREATE VIEW IF NOT EXISTS copies
(
  `stream` LowCardinality(String) COMMENT 'releases, inferences, proofs, agents or payments.',
  `partition` UInt32 COMMENT 'Kafka partition of the record.',
  `offset` UInt64 COMMENT 'Kafka offset of the record.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'Append time of the record.',
  `event_id` String COMMENT 'The event that it is a copy of.',
  `subject_id` String COMMENT 'What the record is about: the inference, payment, agent or model.',
  `finding` LowCardinality(String) COMMENT 'Empty for the one that counts. DUPLICATE: says the same as it. EVENT_ID_CONFLICT: says something else under the same event_id. SAME_INFERENCE: another event about an inference that has one.',
  `of_partition` UInt32 COMMENT 'Kafka partition of the record that counts instead; its own when it counts itself.',
  `of_offset` UInt64 COMMENT 'Kafka offset of the record that counts instead; its own when it counts itself.'
)
AS SELECT `stream`, `partition`, `offset`, `appended_at`, `event_id`, `subject_id`, `finding`, `of_partition`, `of_offset`
FROM copy_rows FINAL
WHERE NOT counts
COMMENT 'Records that are ignored because another one of their event or inference counts, with the finding.';

CREATE VIEW IF NOT EXISTS payment_names
(
  `kind` LowCardinality(String) COMMENT 'inference: an allocation names the inference. session: the payment names the session.',
  `ref` String COMMENT 'The inference id or session id.',
  `payment_id` String COMMENT 'The payment, by whichever of its records, copies that do not count included.'
)
AS SELECT kind, ref, payment_id FROM payment_refs FINAL
COMMENT 'Which payments name an inference or a session: the quick way from an inference to its payments.';
