-- Facts: every accepted record as it was, every copy with its position in the log. Nothing here is ever updated or
-- deleted. A record that is delivered again is the same row again: the order key ends with its position. Those of
-- inferences are in inference_rows, beside what is said of them.

CREATE TABLE IF NOT EXISTS release_facts
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
  `target_id` Nullable(String) COMMENT 'TARGET_BOUND, TARGET_UNBOUND: the TEE or node that runs the release or left the registry.',
  `event_hash` UInt64 MATERIALIZED cityHash64(event_id) COMMENT 'Hash of event_id: what the search for copies compares.' CODEC(NONE),
  INDEX offset_range offset TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
ORDER BY (model_id, partition, offset)
COMMENT 'Facts, one row a copy. One event in the life of the releases of a model: publication, traffic, rollback, flag, target binding. Which fields an action uses is said in their docs; the others are null or empty.';

CREATE TABLE IF NOT EXISTS proof_facts
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
  `tx_hash` Nullable(String) COMMENT 'Transaction that carries the proof or its verification.',
  `event_hash` UInt64 MATERIALIZED cityHash64(event_id) COMMENT 'Hash of event_id: what the search for copies compares.' CODEC(NONE),
  INDEX offset_range offset TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
ORDER BY (inference_id, partition, offset)
COMMENT 'Facts, one row a copy. One step in the life of a proof that verifies an inference. Several records tell the life of one proof.';

CREATE TABLE IF NOT EXISTS payment_facts
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
  `allocations` Array(Tuple(inference_id String, amount Nullable(UInt256))) COMMENT 'The inferences the payment is for. An inference named twice is one link with the amounts added.',
  `event_hash` UInt64 MATERIALIZED cityHash64(event_id) COMMENT 'Hash of event_id: what the search for copies compares.' CODEC(NONE),
  INDEX offset_range offset TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
ORDER BY (payment_id, partition, offset)
SETTINGS index_granularity = 1024
COMMENT 'Facts, one row a copy. One step in the life of a payment. Several records tell the life of one payment, and one payment may cover many inferences.';

CREATE TABLE IF NOT EXISTS agent_facts
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
  `reverts_change_id` Nullable(String) COMMENT 'REVERTED: the change_id of the change taken back.',
  `event_hash` UInt64 MATERIALIZED cityHash64(event_id) COMMENT 'Hash of event_id: what the search for copies compares.' CODEC(NONE),
  INDEX offset_range offset TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
ORDER BY (agent_id, partition, offset)
COMMENT 'Facts, one row a copy. One change of behaviour of an agent, its reversal or its acknowledgement.';
