-- Joined rows: one a subject, each a pure function of facts and release records. The newest value is in plain columns,
-- what was known before in `earlier`; the row that rests on more knowledge wins, by whomever and whenever written.

CREATE TABLE IF NOT EXISTS inference_rows
(
  `inference_id` String COMMENT 'The inference.',
  `model_id` String COMMENT 'The model that ran.',
  `occurred_at` DateTime64(6, 'UTC') COMMENT 'Event time: when the model ran. UTC.',
  `requested_model` Nullable(String) COMMENT 'The model name as the request had it.',
  `claim` Nullable(String) COMMENT 'The release as the node or gateway reports it.',
  `blob_id` Nullable(String) COMMENT 'Blob id of the model file that produced the output.',
  `target_id` Nullable(String) COMMENT 'The TEE or node that served the request.',
  `agent_id` Nullable(String) COMMENT 'The agent that made the request.',
  `session_id` Nullable(String) COMMENT 'The payment session the request belongs to.',
  `request_hash` Nullable(String) COMMENT 'Hash of the request, as signed by the TEE.',
  `output_hash` Nullable(String) COMMENT 'Hash of the output, as signed by the TEE.',
  `cost` Nullable(UInt256) COMMENT 'Cost in the smallest unit of the asset.',
  `status` LowCardinality(String) COMMENT 'attributed, ambiguous or unattributed.',
  `release` Nullable(String) COMMENT 'The release that served it, when attributed.',
  `activation` Nullable(UInt32) COMMENT 'Activation of the release that it belongs to: the one that contains its time or, when stale, the last that ended.',
  `phase` LowCardinality(Nullable(String)) COMMENT 'active, stale, premature or never, when attributed.',
  `basis` LowCardinality(Nullable(String)) COMMENT 'The evidence that decided: target, blob, blob+claim, blob+timeline, claim or timeline.',
  `candidates` Array(Tuple(release String, share_bp UInt32)) COMMENT 'The releases that can have served it with their shares in basis points.',
  `near_boundary` Bool COMMENT 'Whether a change of traffic lies within the clock error of the source.',
  `findings` Array(String) COMMENT 'Evidence that disagrees or is missing.',
  `blob_status` LowCardinality(String) COMMENT 'matched, unknown or not_applicable.',
  `blob_releases` Array(String) COMMENT 'The releases that list the blob.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'Since when the newest value is known: the greatest append time among the records it rests on.',
  `earlier` Array(Tuple(known_at DateTime64(3, 'UTC'), status String, release Nullable(String), activation Nullable(UInt32), phase Nullable(String), basis Nullable(String), candidates Array(Tuple(release String, share_bp UInt32)), near_boundary Bool, findings Array(String), blob_status String, blob_releases Array(String))) COMMENT 'What was known before, oldest first, each from its known_at on.',
  `partition` UInt32 COMMENT 'Kafka partition of the record.',
  `offset` UInt64 COMMENT 'Kafka offset of the record.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'Append time of the record: before it the inference is not known.',
  `void` Bool COMMENT 'True for a row that stands in for a copy that does not count: the views leave it out.',
  `facts` UInt32 COMMENT 'Number of facts the row rests on.',
  `release_offset` UInt64 COMMENT 'The row holds what the releases topic says below this offset.',
  `version` UInt64 COMMENT 'facts * 2^44 + release_offset: more knowledge is greater.',
  INDEX inference_id_bloom inference_id TYPE bloom_filter(0.01),
  INDEX agent_id_bloom agent_id TYPE bloom_filter(0.01)
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (model_id, occurred_at, inference_id)
COMMENT 'Which release served each inference, and which blob produced it.';

CREATE TABLE IF NOT EXISTS proof_rows
(
  `inference_id` String COMMENT 'The inference the proofs are of.',
  `state` LowCardinality(String) COMMENT 'verified, failed, pending or none.',
  `path` LowCardinality(Nullable(String)) COMMENT 'Proof path of the record that decides: TEE, ZKML, VANILLA or OTHER.',
  `verified_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'Event time of the first verification. UTC.',
  `unverifiable_since` Nullable(DateTime64(6, 'UTC')) COMMENT 'Since when the proof that verified it can no longer be checked. UTC.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'Since when the newest value is known: the greatest append time among the records it rests on.',
  `earlier` Array(Tuple(known_at DateTime64(3, 'UTC'), state String, path Nullable(String), verified_at Nullable(DateTime64(6, 'UTC')), unverifiable_since Nullable(DateTime64(6, 'UTC')))) COMMENT 'What was known before, oldest first, each from its known_at on.',
  `facts` UInt32 COMMENT 'Number of facts the row rests on.',
  `version` UInt64 COMMENT 'Same as facts: more knowledge is greater.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY inference_id
COMMENT 'Which proof path verified each inference. An inference without proof records has no row.';

CREATE TABLE IF NOT EXISTS payment_rows
(
  `payment_id` String COMMENT 'The payment.',
  `asset` String COMMENT 'The asset paid in, by its latest record.',
  `network` String COMMENT 'The network it settles on, as CAIP-2 chain id, by its latest record.',
  `payer` String COMMENT 'Address that pays, by its latest record.',
  `payee` String COMMENT 'Address that is paid, by its latest record.',
  `state` LowCardinality(String) COMMENT 'State by the latest record.',
  `amount` UInt256 COMMENT 'Amount in the smallest unit of the asset: from the earliest SETTLED, else the latest record.',
  `settled_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'Event time of the earliest SETTLED; null while not settled and after a REVERSED. UTC.',
  `settled_appended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Append time of the first SETTLED in log order; null when settled_at is.',
  `refunded` Bool COMMENT 'The money did move and came back: the amount counts as 0 in sums.',
  `model_id` Nullable(String) COMMENT 'The model paid for, where the payment says so.',
  `session_id` Nullable(String) COMMENT 'The payment session.',
  `parts` Array(Tuple(inference_id String, amount UInt256)) COMMENT 'The split of the amount over the linked inferences, sorted by inference id.',
  `unlinked` UInt256 COMMENT 'What no link takes; the parts and this sum to the amount.',
  `waiting` Array(String) COMMENT 'Linked inferences of which no record is known yet.',
  `findings` Array(String) COMMENT 'OVER_ALLOCATED: the allocations sum to more than the amount.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'Since when the newest value is known: the greatest append time among the records it rests on.',
  `earlier` Array(Tuple(known_at DateTime64(3, 'UTC'), state String, amount UInt256, settled_at Nullable(DateTime64(6, 'UTC')), settled_appended_at Nullable(DateTime64(3, 'UTC')), refunded Bool, model_id Nullable(String), session_id Nullable(String), parts Array(Tuple(inference_id String, amount UInt256)), unlinked UInt256, findings Array(String))) COMMENT 'What was known before, oldest first, each from its known_at on.',
  `void` Bool COMMENT 'True when every record of the payment is a copy that does not count: the views leave it out.',
  `facts` UInt32 COMMENT 'Number of facts the row rests on: records of the payment and of linked inferences.',
  `version` UInt64 COMMENT 'Same as facts: more knowledge is greater.',
  INDEX session_id_bloom session_id TYPE bloom_filter(0.01)
)
ENGINE = ReplacingMergeTree(version)
ORDER BY payment_id
COMMENT 'What each payment says and how its amount is split over its inferences.';
