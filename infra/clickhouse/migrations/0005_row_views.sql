-- The joined rows for analysts: the newest value, and the value as known at any time K (parameter known_at).

CREATE VIEW IF NOT EXISTS inferences
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
  `known_at` DateTime64(3, 'UTC') COMMENT 'Since when this value is known.',
  `partition` UInt32 COMMENT 'Kafka partition of the record.',
  `offset` UInt64 COMMENT 'Kafka offset of the record.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'Append time of the record.'
)
AS SELECT
  inference_id, model_id, occurred_at, requested_model, claim, blob_id, target_id, agent_id, session_id, cost,
  status, release, activation, phase, basis, candidates, near_boundary, findings, blob_status, blob_releases,
  known_at, partition, offset, appended_at
FROM inference_rows FINAL
WHERE NOT void
COMMENT 'Which release served each inference, as known now.';

CREATE VIEW IF NOT EXISTS inferences_as_of AS
WITH
  known_at <= {known_at:DateTime64(3, 'UTC')} AS newest,
  arrayLast(e -> e.known_at <= {known_at:DateTime64(3, 'UTC')}, earlier) AS was
SELECT
  inference_id, model_id, occurred_at, requested_model, claim, blob_id, target_id, agent_id, session_id, cost,
  if(newest, status, was.status) AS status,
  if(newest, release, was.release) AS release,
  if(newest, activation, was.activation) AS activation,
  if(newest, phase, was.phase) AS phase,
  if(newest, basis, was.basis) AS basis,
  if(newest, candidates, was.candidates) AS candidates,
  if(newest, near_boundary, was.near_boundary) AS near_boundary,
  if(newest, findings, was.findings) AS findings,
  if(newest, blob_status, was.blob_status) AS blob_status,
  if(newest, blob_releases, was.blob_releases) AS blob_releases,
  if(newest, known_at, was.known_at) AS known_at,
  partition, offset, appended_at
FROM inference_rows FINAL
WHERE NOT void AND appended_at <= {known_at:DateTime64(3, 'UTC')}
SETTINGS prefer_column_name_to_alias = 1
COMMENT 'Which release served each inference, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS proofs
(
  `inference_id` String COMMENT 'The inference the proofs are of.',
  `state` LowCardinality(String) COMMENT 'verified, failed, pending or none.',
  `path` LowCardinality(Nullable(String)) COMMENT 'Proof path of the record that decides: TEE, ZKML, VANILLA or OTHER.',
  `verified_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'Event time of the first verification. UTC.',
  `unverifiable_since` Nullable(DateTime64(6, 'UTC')) COMMENT 'Since when the proof that verified it can no longer be checked. UTC.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'Since when this value is known.'
)
AS SELECT inference_id, state, path, verified_at, unverifiable_since, known_at
FROM proof_rows FINAL
COMMENT 'Which proof path verified each inference, as known now.';

CREATE VIEW IF NOT EXISTS proofs_as_of AS
WITH
  known_at <= {known_at:DateTime64(3, 'UTC')} AS newest,
  arrayLast(e -> e.known_at <= {known_at:DateTime64(3, 'UTC')}, earlier) AS was
SELECT
  inference_id,
  if(newest, state, was.state) AS state,
  if(newest, path, was.path) AS path,
  if(newest, verified_at, was.verified_at) AS verified_at,
  if(newest, unverifiable_since, was.unverifiable_since) AS unverifiable_since,
  if(newest, known_at, was.known_at) AS known_at
FROM proof_rows FINAL
WHERE known_at <= {known_at:DateTime64(3, 'UTC')}
  OR (length(earlier) > 0 AND earlier[1].known_at <= {known_at:DateTime64(3, 'UTC')})
SETTINGS prefer_column_name_to_alias = 1
COMMENT 'Which proof path verified each inference, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS payments
(
  `payment_id` String COMMENT 'The payment.',
  `asset` String COMMENT 'The asset paid in.',
  `network` String COMMENT 'The network it settles on, as CAIP-2 chain id.',
  `payer` String COMMENT 'Address that pays.',
  `payee` String COMMENT 'Address that is paid.',
  `state` LowCardinality(String) COMMENT 'State by the latest record.',
  `amount` UInt256 COMMENT 'Amount in the smallest unit of the asset.',
  `settled_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'Event time of the earliest SETTLED; null while not settled and after a REVERSED. UTC.',
  `settled_appended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Append time of the first SETTLED in log order.',
  `refunded` Bool COMMENT 'The money did move and came back: the amount counts as 0 in sums.',
  `model_id` Nullable(String) COMMENT 'The model paid for, where the payment says so.',
  `session_id` Nullable(String) COMMENT 'The payment session.',
  `parts` Array(Tuple(inference_id String, amount UInt256)) COMMENT 'The split of the amount over the linked inferences.',
  `unlinked` UInt256 COMMENT 'What no link takes; the parts and this sum to the amount.',
  `waiting` Array(String) COMMENT 'Linked inferences of which no record is known yet.',
  `findings` Array(String) COMMENT 'OVER_ALLOCATED: the allocations sum to more than the amount.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'Since when this value is known.'
)
AS SELECT
  payment_id, asset, network, payer, payee, state, amount, settled_at, settled_appended_at, refunded, model_id,
  session_id, parts, unlinked, waiting, findings, known_at
FROM payment_rows FINAL
WHERE NOT void
COMMENT 'What each payment says and how its amount is split over its inferences, as known now.';

CREATE VIEW IF NOT EXISTS payments_as_of AS
WITH
  known_at <= {known_at:DateTime64(3, 'UTC')} AS newest,
  arrayLast(e -> e.known_at <= {known_at:DateTime64(3, 'UTC')}, earlier) AS was
SELECT
  payment_id,
  if(newest, state, was.state) AS state,
  if(newest, amount, was.amount) AS amount,
  if(newest, settled_at, was.settled_at) AS settled_at,
  if(newest, settled_appended_at, was.settled_appended_at) AS settled_appended_at,
  if(newest, refunded, was.refunded) AS refunded,
  if(newest, model_id, was.model_id) AS model_id,
  if(newest, session_id, was.session_id) AS session_id,
  if(newest, parts, was.parts) AS parts,
  if(newest, unlinked, was.unlinked) AS unlinked,
  if(newest, findings, was.findings) AS findings,
  if(newest, known_at, was.known_at) AS known_at
FROM payment_rows FINAL
WHERE NOT void
  AND (known_at <= {known_at:DateTime64(3, 'UTC')}
    OR (length(earlier) > 0 AND earlier[1].known_at <= {known_at:DateTime64(3, 'UTC')}))
SETTINGS prefer_column_name_to_alias = 1
COMMENT 'What each payment says and how its amount is split, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS agent_changes
(
  `agent_id` String COMMENT 'The agent.',
  `change_id` String COMMENT 'The change.',
  `occurred_at` DateTime64(6, 'UTC') COMMENT 'Event time. UTC.',
  `action` LowCardinality(String) COMMENT 'CHANGED, REVERTED or ACKNOWLEDGED.',
  `kind` LowCardinality(String) COMMENT 'What of the agent it concerns.',
  `model_id` Nullable(String) COMMENT 'The model it concerns; null for any.',
  `before_digest` Nullable(String) COMMENT 'Digest of what was changed, before.',
  `after_digest` Nullable(String) COMMENT 'Digest of what was changed, after.',
  `caused_by` Array(String) COMMENT 'Inferences the agent names as the cause.',
  `upstream_agent_ids` Array(String) COMMENT 'Agents whose output it used.',
  `reverts_change_id` Nullable(String) COMMENT 'The change it takes back.',
  `partition` UInt32 COMMENT 'Kafka partition of the record.',
  `offset` UInt64 COMMENT 'Kafka offset of the record.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'Append time of the record.'
)
AS SELECT
  agent_id, change_id, occurred_at, action, kind, model_id, before_digest, after_digest, caused_by, upstream_agent_ids,
  reverts_change_id, partition, offset, appended_at AS known_at
FROM agent_records
COMMENT 'What agents changed, took back and acknowledged, as known now.';

CREATE VIEW IF NOT EXISTS agent_changes_as_of AS
SELECT
  agent_id, change_id, occurred_at, action, kind, model_id, before_digest, after_digest, caused_by, upstream_agent_ids,
  reverts_change_id, partition, offset, appended_at AS known_at
FROM agent_records
WHERE appended_at <= {known_at:DateTime64(3, 'UTC')}
COMMENT 'What agents changed, took back and acknowledged, as known at {known_at}.';
