-- What is said of subjects: pure functions of facts and release records. The newest value is in plain columns, what was
-- known before in `earlier`, or follows from `own` and `linked`; the row that rests on more knowledge wins, by whomever and
-- whenever written.

CREATE TABLE IF NOT EXISTS inference_rows
(
  `inference_id` String COMMENT 'The inference, and the key of the record.',
  `model_id` LowCardinality(String) COMMENT 'The model that ran.',
  `occurred_at` DateTime64(6, 'UTC') COMMENT 'Event time: when the model ran, by the clock of the source. UTC.',
  `partition` UInt32 COMMENT 'Kafka partition of the record.',
  `offset` UInt64 COMMENT 'Kafka offset of the record.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'Append time: when the log had the record (LogAppendTime). Knowledge time counts by this.',
  `key` String COMMENT 'Key of the record, empty when it had none.',
  `event_id` String COMMENT 'Unique name of this event within its topic. A second copy under the same event_id is a duplicate when it is identical and a finding when it differs.',
  `source` LowCardinality(String) COMMENT 'Who says so: the name of the indexer, node, gateway or person that reported the event.',
  `source_ref` Nullable(String) COMMENT 'Where the source has it from: transaction hash and log index, URL or job id.',
  `requested_model` LowCardinality(Nullable(String)) COMMENT 'The model name as the request had it, before any alias was resolved.',
  `claim` LowCardinality(Nullable(String)) COMMENT 'The release as the node or gateway reports it. A claim, and weaker evidence than target and blob.',
  `blob_id` LowCardinality(Nullable(String)) COMMENT 'Walrus blob id of the model file that produced the output.',
  `target_id` LowCardinality(Nullable(String)) COMMENT 'The TEE or node that served the request.',
  `agent_id` Nullable(String) COMMENT 'The agent that made the request.',
  `session_id` Nullable(String) COMMENT 'The payment session the request belongs to.',
  `request_hash` Nullable(String) COMMENT 'Hash of the request, as signed by the TEE.',
  `output_hash` Nullable(String) COMMENT 'Hash of the output, as signed by the TEE.',
  `cost` Nullable(UInt256) COMMENT 'Cost in the smallest unit of the asset, a decimal integer of at most 2^256 - 1. Weighs the split of a payment.',
  `clock_error_ms` Nullable(Int32) COMMENT 'How far, in milliseconds, the clock behind occurred_at may be off. Null means 0.',
  `status` LowCardinality(String) COMMENT 'attributed, ambiguous or unattributed.',
  `release` LowCardinality(Nullable(String)) COMMENT 'The release that served it, when attributed.',
  `activation` Nullable(UInt32) COMMENT 'Activation of the release that it belongs to: the one that contains its time or, when stale, the last that ended.',
  `phase` LowCardinality(Nullable(String)) COMMENT 'active, stale, premature or never, when attributed.',
  `basis` LowCardinality(Nullable(String)) COMMENT 'The evidence that decided: target, blob, blob+claim, blob+timeline, claim or timeline.',
  `candidates` Array(Tuple(release String, share_bp UInt32, activation Nullable(UInt32))) COMMENT 'The releases that can have served it, with their shares in basis points and the activation it would belong to.',
  `near_boundary` Bool COMMENT 'Whether a change of traffic lies within the clock error of the source.',
  `findings` Array(LowCardinality(String)) COMMENT 'Evidence that disagrees or is missing.',
  `blob_status` LowCardinality(String) COMMENT 'matched, unknown or not_applicable.',
  `blob_releases` Array(LowCardinality(String)) COMMENT 'The releases that list the blob.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'Since when the newest value is known: the greatest append time among the records it rests on.',
  `earlier` Array(Tuple(known_at DateTime64(3, 'UTC'), status String, release Nullable(String), activation Nullable(UInt32), phase Nullable(String), basis Nullable(String), candidates Array(Tuple(release String, share_bp UInt32, activation Nullable(UInt32))), near_boundary Bool, findings Array(String), blob_status String, blob_releases Array(String))) COMMENT 'What was known before, oldest first, each from its known_at on.',
  `release_offset` UInt64 COMMENT 'The row holds what the releases topic says below this offset; of two rows of one record the greater holds.',
  `event_hash` UInt64 MATERIALIZED cityHash64(event_id) COMMENT 'Hash of event_id: what the search for copies compares.' CODEC(NONE),
  `inference_hash` UInt64 MATERIALIZED cityHash64(inference_id) COMMENT 'Hash of inference_id: what the search for copies and that of payments compare.' CODEC(NONE),
  `session_hash` UInt64 MATERIALIZED ifNull(cityHash64(session_id), 0) COMMENT 'Hash of session_id, 0 without one: what the search of payments compares.' CODEC(NONE),
  INDEX offset_range offset TYPE minmax GRANULARITY 1,
  INDEX inference_id_bloom inference_id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX session_id_bloom session_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(release_offset)
ORDER BY (model_id, occurred_at, inference_id, partition, offset)
COMMENT 'Every inference record as it was, and beside it which release served it and which blob produced it: one row a record and copy, rewritten when a release record says something else of it.';

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
  `parts` Array(Tuple(inference_id String, model_id Nullable(String), occurred_at Nullable(DateTime64(6, 'UTC')), amount UInt256)) COMMENT 'The split of the amount over the linked inferences, sorted by inference id; model and time are null while no record of the inference is known.',
  `unlinked` UInt256 COMMENT 'What no link takes; the parts and this sum to the amount.',
  `waiting` Array(String) COMMENT 'Linked inferences of which no record is known yet.',
  `findings` Array(String) COMMENT 'OVER_ALLOCATED: the allocations sum to more than the amount.',
  `models` Array(String) COMMENT 'Every model that a record of it, or of an inference it may be for, names: what a look-up by model starts from.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'Since when the newest value is known: the greatest append time among the records it rests on.',
  `own` Array(Tuple(known_at DateTime64(3, 'UTC'), asset String, network String, payer String, payee String, state String, amount UInt256, settled_at Nullable(DateTime64(6, 'UTC')), settled_appended_at Nullable(DateTime64(3, 'UTC')), refunded Bool, model_id Nullable(String), session_id Nullable(String), findings Array(String), by_session Bool, rest UInt256, links Array(Tuple(is_link Bool, amount Nullable(UInt256))))) COMMENT 'What its own records said, oldest first, each from its known_at on: its links are those of linked that links marks (where by_session: and that are known), and those without an amount share the rest, by cost or equally. Empty when nothing else was ever said than the newest.',
  `linked` Array(Tuple(inference_id String, model_id Nullable(String), occurred_at Nullable(DateTime64(6, 'UTC')), cost Nullable(UInt256), since Nullable(DateTime64(3, 'UTC')))) COMMENT 'Every inference that own links to, sorted by id, and since when it is known; null while no record of it is. Empty when own is.',
  `waits_since` Nullable(DateTime64(3, 'UTC')) COMMENT 'Since when it waits without a break for an inference that it names, or for any of its session; null when it does not.',
  `void` Bool COMMENT 'True when every record of the payment is a copy that does not count: the views leave it out.',
  `facts` UInt32 COMMENT 'Number of facts the row rests on: records of the payment and of linked inferences.',
  `version` UInt64 COMMENT 'The facts, and of each linked record how many copies it was told apart from: more knowledge is greater, and holds.',
  INDEX session_id_bloom session_id TYPE bloom_filter(0.01)
)
ENGINE = ReplacingMergeTree(version)
ORDER BY payment_id
SETTINGS index_granularity = 1024
COMMENT 'What each payment says and how its amount is split over its inferences.';

CREATE TABLE IF NOT EXISTS payment_model_rows
(
  `model_id` LowCardinality(String) COMMENT 'A model that any record of the payment, or of an inference it may be for, names.',
  `payment_id` String COMMENT 'The payment.',
  `asset` String COMMENT 'The asset paid in, by its latest record.',
  `network` String COMMENT 'The network it settles on, as CAIP-2 chain id, by its latest record.',
  `amount` UInt256 COMMENT 'Amount of the whole payment, in the smallest unit of the asset.',
  `settled_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'Event time of the earliest SETTLED; null while not settled and after a REVERSED. UTC.',
  `settled_appended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Append time of the first SETTLED in log order; null when settled_at is.',
  `refunded` Bool COMMENT 'The money did move and came back: the amount counts as 0 in sums.',
  `names_model` Bool COMMENT 'Whether the payment itself says that it is for the model.',
  `parts` Array(Tuple(inference_id String, occurred_at DateTime64(6, 'UTC'), amount UInt256)) COMMENT 'Its parts for inferences of the model.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'Since when the newest value is known: the greatest append time among the records it rests on.',
  `own` Array(Tuple(known_at DateTime64(3, 'UTC'), asset String, network String, payer String, payee String, state String, amount UInt256, settled_at Nullable(DateTime64(6, 'UTC')), settled_appended_at Nullable(DateTime64(3, 'UTC')), refunded Bool, model_id Nullable(String), session_id Nullable(String), findings Array(String), by_session Bool, rest UInt256, links Array(Tuple(is_link Bool, amount Nullable(UInt256))))) COMMENT 'What its own records said, oldest first, each from its known_at on: its links are those of linked that links marks (where by_session: and that are known), and those without an amount share the rest, by cost or equally. Empty when nothing else was ever said than the newest.',
  `linked` Array(Tuple(inference_id String, model_id Nullable(String), occurred_at Nullable(DateTime64(6, 'UTC')), cost Nullable(UInt256), since Nullable(DateTime64(3, 'UTC')))) COMMENT 'Every inference that own links to, sorted by id, and since when it is known; null while no record of it is. Empty when own is.',
  `void` Bool COMMENT 'True when every record of the payment is a copy that does not count: the views leave it out.',
  `version` UInt64 COMMENT 'That of the row in payment_rows: the greater holds.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (model_id, payment_id)
COMMENT 'The rows of payment_rows once more, one for each model, in the order of models: else a question about a model would read every payment there is.';

-- No row is ever left behind: with each version of a payment its models only become more.
CREATE MATERIALIZED VIEW IF NOT EXISTS payments_to_models TO payment_model_rows
(
  `model_id` LowCardinality(String) COMMENT 'A model that any record of the payment, or of an inference it may be for, names.',
  `payment_id` String COMMENT 'The payment.',
  `asset` String COMMENT 'The asset paid in, by its latest record.',
  `network` String COMMENT 'The network it settles on, as CAIP-2 chain id, by its latest record.',
  `amount` UInt256 COMMENT 'Amount of the whole payment, in the smallest unit of the asset.',
  `settled_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'Event time of the earliest SETTLED; null while not settled and after a REVERSED. UTC.',
  `settled_appended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Append time of the first SETTLED in log order; null when settled_at is.',
  `refunded` Bool COMMENT 'The money did move and came back: the amount counts as 0 in sums.',
  `names_model` Bool COMMENT 'Whether the payment itself says that it is for the model.',
  `parts` Array(Tuple(inference_id String, occurred_at DateTime64(6, 'UTC'), amount UInt256)) COMMENT 'Its parts for inferences of the model.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'Since when the newest value is known: the greatest append time among the records it rests on.',
  `own` Array(Tuple(known_at DateTime64(3, 'UTC'), asset String, network String, payer String, payee String, state String, amount UInt256, settled_at Nullable(DateTime64(6, 'UTC')), settled_appended_at Nullable(DateTime64(3, 'UTC')), refunded Bool, model_id Nullable(String), session_id Nullable(String), findings Array(String), by_session Bool, rest UInt256, links Array(Tuple(is_link Bool, amount Nullable(UInt256))))) COMMENT 'What its own records said, oldest first, each from its known_at on: its links are those of linked that links marks (where by_session: and that are known), and those without an amount share the rest, by cost or equally. Empty when nothing else was ever said than the newest.',
  `linked` Array(Tuple(inference_id String, model_id Nullable(String), occurred_at Nullable(DateTime64(6, 'UTC')), cost Nullable(UInt256), since Nullable(DateTime64(3, 'UTC')))) COMMENT 'Every inference that own links to, sorted by id, and since when it is known; null while no record of it is. Empty when own is.',
  `void` Bool COMMENT 'True when every record of the payment is a copy that does not count: the views leave it out.',
  `version` UInt64 COMMENT 'That of the row in payment_rows: the greater holds.'
)
AS WITH arrayJoin(r.models) AS model
SELECT
  model AS model_id, r.payment_id AS payment_id, r.asset AS asset, r.network AS network, r.amount AS amount,
  r.settled_at AS settled_at, r.settled_appended_at AS settled_appended_at, r.refunded AS refunded,
  toBool(ifNull(r.model_id = model, false)) AS names_model,
  arrayMap(
    p -> (p.inference_id, assumeNotNull(p.occurred_at), p.amount),
    arrayFilter(p -> ifNull(p.model_id = model, false), r.parts)
  ) AS parts,
  r.known_at AS known_at, r.own AS own, r.linked AS linked,
  r.void AS void, r.version AS version
FROM payment_rows AS r
COMMENT 'Writes payment_model_rows with every row of payment_rows.';

CREATE TABLE IF NOT EXISTS model_state_rows
(
  `model_id` String COMMENT 'The model.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'Append time of the release record that made it so; it holds until the next row of the model.',
  `activations` Array(Tuple(release String, activation UInt32, from DateTime64(6, 'UTC'), to Nullable(DateTime64(6, 'UTC')), undone_by Nullable(UInt64), restored Nullable(String), flagged Bool)) COMMENT 'Every activation, by (from, release).',
  `flags` Array(Tuple(offset UInt64, flag_id String, release String, severity Nullable(String), activation Nullable(Int32), activation_from Nullable(DateTime64(6, 'UTC')), from Nullable(DateTime64(6, 'UTC')), until Nullable(DateTime64(6, 'UTC')), targets Array(String), any_target Bool, raised_at DateTime64(3, 'UTC'))) COMMENT 'The flags that stand, in the order of R; activation_from is the start of the activation that a scoped one means, once there is one.',
  `coverage` Array(Tuple(release String, target_id String, any_target Bool, from DateTime64(6, 'UTC'), until DateTime64(6, 'UTC'))) COMMENT 'Event times at which a flag covers an inference of a release, for any target or for one. The spans that hold for one inference are disjoint.',
  `incidents` Array(Tuple(release String, standing Bool, activations Array(UInt32), spans Array(Tuple(from DateTime64(6, 'UTC'), to Nullable(DateTime64(6, 'UTC')))), contained_at Nullable(DateTime64(6, 'UTC')), recovered_at Nullable(DateTime64(6, 'UTC')), linked Array(String), closed_at Nullable(DateTime64(3, 'UTC')), began Bool)) COMMENT 'Every release that was ever flagged: whether a flag stands, the activations covered, append time of the close, and whether a covered activation began since.',
  `release_offset` UInt64 COMMENT 'It holds what the releases topic says below this offset.'
)
ENGINE = ReplacingMergeTree(release_offset)
ORDER BY (model_id, known_at)
COMMENT 'What the release records of a model come to, as known from each of their append times on: the fold that views join.';
