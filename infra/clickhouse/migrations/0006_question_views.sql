-- What is asked of an incident: inferences joined with flags, payments with inferences, and all of it counted. `backtrail
-- ask` reads these views and those of 0004 and 0005, and nothing else.

CREATE VIEW IF NOT EXISTS taint_as_of AS
SELECT
  i.model_id AS model_id, i.release AS release, i.inference_id AS inference_id,
  if(i.certain, 'certain', 'possible') AS class, i.occurred_at AS occurred_at
FROM
(
  SELECT
    model_id, inference_id, occurred_at, appended_at, agent_id, target_id, status = 'attributed' AS certain, phase,
    c.release AS release, c.share_bp AS share_bp, c.activation AS activation
  FROM inferences_as_of(known_at = {known_at:DateTime64(3, 'UTC')})
  ARRAY JOIN candidates AS c
) AS i
INNER JOIN flag_coverage_as_of(known_at = {known_at:DateTime64(3, 'UTC')}) AS f
  ON i.model_id = f.model_id AND i.release = f.release AND i.occurred_at >= f.from AND i.occurred_at < f.until
  AND (f.any_target OR f.target_id = i.target_id)
COMMENT 'Inferences served by a flagged release, or possibly, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS taint
(
  `model_id` LowCardinality(String) COMMENT 'The model.',
  `release` String COMMENT 'The flagged release.',
  `inference_id` String COMMENT 'The inference.',
  `class` String COMMENT 'certain: attributed to the release. possible: a candidate.',
  `occurred_at` DateTime64(6, 'UTC') COMMENT 'Event time of the inference. UTC.'
)
AS SELECT `model_id`, `release`, `inference_id`, `class`, `occurred_at`
FROM taint_as_of(known_at = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'Inferences served by a flagged release, or possibly, as known now.';

CREATE VIEW IF NOT EXISTS settled_work_as_of AS
SELECT
  p.payment_id AS payment_id, assumeNotNull(p.settled_at) AS settled_at,
  assumeNotNull(p.settled_appended_at) AS settled_appended_at, p.refunded AS refunded, p.inference_id AS inference_id,
  p.amount AS amount, r.model_id AS model_id, r.release AS release, r.certain AS certain, r.activation AS activation,
  r.phase AS phase, r.covered AS covered, toBool(ifNull(p.settled_at >= w.to, false)) AS late,
  p.asset AS asset, p.network AS network
FROM
(
  SELECT
    model_id, payment_id, settled_at, settled_appended_at, refunded, asset, network,
    part.inference_id AS inference_id, part.amount AS amount
  FROM model_payments_as_of(known_at = {known_at:DateTime64(3, 'UTC')})
  ARRAY JOIN parts AS part
  WHERE settled_at IS NOT NULL
) AS p
INNER JOIN inference_releases_as_of(known_at = {known_at:DateTime64(3, 'UTC')}) AS r
  ON p.model_id = r.model_id AND p.inference_id = r.inference_id
LEFT JOIN windows_as_of(known_at = {known_at:DateTime64(3, 'UTC')}) AS w
  ON r.model_id = w.model_id AND r.release = w.release AND r.activation = w.activation
COMMENT 'Parts of settled payments, with the release whose work they paid or may have, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS settled_work
(
  `payment_id` String COMMENT 'The payment.',
  `settled_at` DateTime64(6, 'UTC') COMMENT 'Event time of its earliest SETTLED. UTC.',
  `settled_appended_at` DateTime64(3, 'UTC') COMMENT 'Append time of its first SETTLED in log order.',
  `refunded` Bool COMMENT 'Whether the money came back: the part counts as 0 in sums.',
  `inference_id` String COMMENT 'The inference the part is for.',
  `amount` UInt256 COMMENT 'The part, in the smallest unit of the asset.',
  `model_id` LowCardinality(String) COMMENT 'The model of the inference.',
  `release` String COMMENT 'The release that served it or, when not certain, may have.',
  `certain` Bool COMMENT 'Whether the inference is attributed to the release.',
  `activation` Nullable(UInt32) COMMENT 'The activation it belongs to, or would.',
  `phase` LowCardinality(Nullable(String)) COMMENT 'active, stale, premature or never, when certain.',
  `covered` Bool COMMENT 'Whether a flag covers the inference at this release.',
  `late` Bool COMMENT 'Whether the payment settled at or after the end of the activation.',
  `asset` String COMMENT 'The asset paid in.',
  `network` String COMMENT 'The network it settles on, as CAIP-2 chain id.'
)
AS SELECT `payment_id`, `settled_at`, `settled_appended_at`, `refunded`, `inference_id`, `amount`, `model_id`, `release`, `certain`, `activation`, `phase`, `covered`, `late`, `asset`, `network`
FROM settled_work_as_of(known_at = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'Parts of settled payments, with the release whose work they paid or may have, as known now.';

CREATE VIEW IF NOT EXISTS settled_while_active_as_of AS
SELECT
  p.payment_id AS payment_id, assumeNotNull(p.settled_at) AS settled_at, p.refunded AS refunded, p.amount AS amount,
  p.model_id AS model_id, w.release AS release, w.activation AS activation, p.asset AS asset, p.network AS network
FROM model_payments_as_of(known_at = {known_at:DateTime64(3, 'UTC')}) AS p
INNER JOIN windows_as_of(known_at = {known_at:DateTime64(3, 'UTC')}) AS w
  ON p.model_id = w.model_id AND p.settled_at >= w.from AND (w.to IS NULL OR p.settled_at < w.to)
WHERE p.settled_at IS NOT NULL
COMMENT 'Payments linked to a model that settled while one of its releases had traffic, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS settled_while_active
(
  `payment_id` String COMMENT 'The payment.',
  `settled_at` DateTime64(6, 'UTC') COMMENT 'Event time of its earliest SETTLED. UTC.',
  `refunded` Bool COMMENT 'Whether the money came back.',
  `amount` UInt256 COMMENT 'Amount in the smallest unit of the asset.',
  `model_id` String COMMENT 'The model it is linked to.',
  `release` String COMMENT 'The release that had traffic then.',
  `activation` UInt32 COMMENT 'The activation it settled in.',
  `asset` String COMMENT 'The asset paid in.',
  `network` String COMMENT 'The network it settles on, as CAIP-2 chain id.'
)
AS SELECT `payment_id`, `settled_at`, `refunded`, `amount`, `model_id`, `release`, `activation`, `asset`, `network`
FROM settled_while_active_as_of(known_at = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'Payments linked to a model that settled while one of its releases had traffic, as known now.';

CREATE VIEW IF NOT EXISTS payment_split AS
WITH parts AS
(
  SELECT inference_id, model_id, occurred_at, amount
  FROM payment_parts_as_of(known_at = {known_at:DateTime64(3, 'UTC')})
  WHERE payment_id = {payment_id:String}
)
SELECT
  p.inference_id AS inference_id, p.amount AS amount,
  multiIf(ifNull(r.inference_id, '') = '', 'unattributed', r.certain AND r.covered, 'tainted', r.covered, 'possible', 'clean') AS class
FROM parts AS p
LEFT JOIN
(
  SELECT inference_id, any(certain) AS certain, max(covered) AS covered
  FROM inference_releases_as_of(known_at = {known_at:DateTime64(3, 'UTC')})
  WHERE (model_id, occurred_at) IN (
    SELECT assumeNotNull(model_id), assumeNotNull(occurred_at) FROM parts
    WHERE model_id IS NOT NULL AND occurred_at IS NOT NULL
  )
  GROUP BY inference_id
) AS r ON p.inference_id = r.inference_id
COMMENT 'The parts of payment {payment_id} with their classes, as known at {known_at}: tainted, possible, clean or unattributed.';

CREATE VIEW IF NOT EXISTS window_counts_as_of AS
SELECT
  model_id, release, activation,
  countIf(certain AND phase != 'stale') AS active, countIf(certain AND phase = 'stale') AS stale, countIf(NOT certain) AS possible
FROM
(
  SELECT
    model_id, status = 'attributed' AS certain, phase, c.release AS release, assumeNotNull(c.activation) AS activation
  FROM inferences_as_of(known_at = {known_at:DateTime64(3, 'UTC')})
  ARRAY JOIN candidates AS c
  WHERE c.activation IS NOT NULL
)
GROUP BY model_id, release, activation
COMMENT 'Inferences of each activation, counted, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS window_counts
(
  `model_id` LowCardinality(String) COMMENT 'The model.',
  `release` String COMMENT 'The release.',
  `activation` UInt32 COMMENT 'The activation.',
  `active` UInt64 COMMENT 'Inferences attributed to it while it had traffic.',
  `stale` UInt64 COMMENT 'Inferences attributed to it after it had ended.',
  `possible` UInt64 COMMENT 'Ambiguous inferences of which it is a candidate.'
)
AS SELECT `model_id`, `release`, `activation`, `active`, `stale`, `possible`
FROM window_counts_as_of(known_at = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'Inferences of each activation, counted, as known now.';

CREATE VIEW IF NOT EXISTS window_proofs_as_of AS
SELECT model_id, release, activation, path, state, count() AS inferences
FROM
(
  SELECT
    i.model_id AS model_id, assumeNotNull(i.release) AS release, assumeNotNull(i.activation) AS activation,
    ifNull(p.path, '') AS path, ifNull(nullIf(p.state, ''), 'none') AS state
  FROM inferences_as_of(known_at = {known_at:DateTime64(3, 'UTC')}) AS i
  LEFT JOIN proofs_as_of(known_at = {known_at:DateTime64(3, 'UTC')}) AS p ON i.inference_id = p.inference_id
  WHERE i.status = 'attributed' AND i.activation IS NOT NULL
)
GROUP BY model_id, release, activation, path, state
COMMENT 'Proofs of the inferences of each activation, counted by path and state, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS window_proofs
(
  `model_id` LowCardinality(String) COMMENT 'The model.',
  `release` String COMMENT 'The release.',
  `activation` UInt32 COMMENT 'The activation.',
  `path` String COMMENT 'Proof path of the record that decides, empty without proof.',
  `state` String COMMENT 'verified, failed, pending or none.',
  `inferences` UInt64 COMMENT 'How many inferences attributed to the activation are so.'
)
AS SELECT `model_id`, `release`, `activation`, `path`, `state`, `inferences`
FROM window_proofs_as_of(known_at = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'Proofs of the inferences of each activation, counted by path and state, as known now.';

CREATE VIEW IF NOT EXISTS incidents_as_of AS
WITH closed AS
(
  SELECT model_id FROM model_states_as_of(known_at = {known_at:DateTime64(3, 'UTC')}) ARRAY JOIN incidents AS i
  WHERE i.standing AND i.closed_at IS NOT NULL
)
SELECT
  s.model_id AS model_id, s.release AS release,
  multiIf(
    NOT s.standing, 'withdrawn',
    arrayExists(span -> span.1 <= {known_at:DateTime64(3, 'UTC')} AND (span.2 IS NULL OR span.2 > {known_at:DateTime64(3, 'UTC')}), s.spans), 'active',
    s.closed_at IS NULL, 'contained',
    s.began OR served.last_at > s.closed_at OR settled.last_at > s.closed_at, 'reopened',
    'closed'
  ) AS state,
  s.activations AS activations, s.contained_at AS contained_at, s.recovered_at AS recovered_at, s.linked AS linked,
  s.closed_at AS closed_at
FROM
(
  SELECT
    model_id, i.release AS release, i.standing AS standing, i.activations AS activations, i.spans AS spans,
    i.contained_at AS contained_at, i.recovered_at AS recovered_at, i.linked AS linked, i.closed_at AS closed_at,
    i.began AS began
  FROM model_states_as_of(known_at = {known_at:DateTime64(3, 'UTC')})
  ARRAY JOIN incidents AS i
) AS s
LEFT JOIN
(
  SELECT model_id, release, max(appended_at) AS last_at
  FROM inference_releases_as_of(known_at = {known_at:DateTime64(3, 'UTC')})
  WHERE certain AND covered AND phase = 'stale' AND model_id IN (SELECT model_id FROM closed)
  GROUP BY model_id, release
) AS served ON s.model_id = served.model_id AND s.release = served.release
LEFT JOIN
(
  SELECT model_id, release, max(settled_appended_at) AS last_at
  FROM settled_work_as_of(known_at = {known_at:DateTime64(3, 'UTC')})
  WHERE certain AND covered AND model_id IN (SELECT model_id FROM closed)
  GROUP BY model_id, release
) AS settled ON s.model_id = settled.model_id AND s.release = settled.release
COMMENT 'Incidents: what became of each flagged release, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS incidents
(
  `model_id` String COMMENT 'The model.',
  `release` String COMMENT 'The flagged release.',
  `state` String COMMENT 'active, contained, closed, reopened or withdrawn.',
  `activations` Array(UInt32) COMMENT 'The activations a flag covers.',
  `contained_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'End of the last covered activation. UTC.',
  `recovered_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'First time at which only unflagged releases had traffic again. UTC.',
  `linked` Array(String) COMMENT 'Releases restored by undoing a covered activation that are themselves flagged.',
  `closed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Append time of the close.'
)
AS SELECT `model_id`, `release`, `state`, `activations`, `contained_at`, `recovered_at`, `linked`, `closed_at`
FROM incidents_as_of(known_at = now64(3))
COMMENT 'Incidents: what became of each flagged release, as known now.';

CREATE VIEW IF NOT EXISTS inference_trail AS
WITH
  own AS
  (
    SELECT model_id, session_id, agent_id FROM inference_records
    WHERE inference_id = {inference_id:String} AND appended_at <= {known_at:DateTime64(3, 'UTC')}
  ),
  paid AS
  (
    SELECT payment_id, parts FROM payments_as_of(known_at = {known_at:DateTime64(3, 'UTC')})
    WHERE arrayExists(part -> part.inference_id = {inference_id:String}, parts) AND payment_id IN (
      SELECT payment_id FROM payment_refs
      WHERE (kind = 'inference' AND ref = {inference_id:String})
        OR (kind = 'session' AND ref IN (SELECT assumeNotNull(session_id) FROM own WHERE session_id IS NOT NULL))
    )
  ),
  linked AS
  (
    -- The split and the classes of a payment rest on every inference it links to, and on what released their models.
    SELECT assumeNotNull(p.model_id) AS model, assumeNotNull(p.occurred_at) AS at, p.inference_id AS id
    FROM paid ARRAY JOIN parts AS p
    WHERE p.model_id IS NOT NULL AND p.inference_id != {inference_id:String}
  )
SELECT 'opengradient.releases.v1' AS topic, partition, offset, event_id, occurred_at, appended_at
FROM release_records
WHERE appended_at <= {known_at:DateTime64(3, 'UTC')} AND model_id IN (SELECT model_id FROM own UNION DISTINCT SELECT model FROM linked)
UNION ALL
SELECT 'opengradient.inferences.v1' AS topic, partition, offset, event_id, occurred_at, appended_at
FROM inference_records
WHERE appended_at <= {known_at:DateTime64(3, 'UTC')} AND inference_id = {inference_id:String}
UNION ALL
SELECT 'opengradient.inferences.v1' AS topic, partition, offset, event_id, occurred_at, appended_at
FROM inference_records
WHERE appended_at <= {known_at:DateTime64(3, 'UTC')} AND (model_id, occurred_at, inference_id) IN (SELECT model, at, id FROM linked)
UNION ALL
SELECT 'opengradient.proofs.v1' AS topic, partition, offset, event_id, occurred_at, appended_at
FROM proof_records
WHERE appended_at <= {known_at:DateTime64(3, 'UTC')} AND inference_id = {inference_id:String}
UNION ALL
SELECT 'opengradient.agents.v1' AS topic, partition, offset, event_id, occurred_at, appended_at
FROM agent_records
WHERE appended_at <= {known_at:DateTime64(3, 'UTC')} AND (
  has(caused_by, {inference_id:String}) OR agent_id IN (SELECT assumeNotNull(agent_id) FROM own WHERE agent_id IS NOT NULL)
)
UNION ALL
SELECT 'opengradient.payments.v1' AS topic, partition, offset, event_id, occurred_at, appended_at
FROM payment_records
WHERE appended_at <= {known_at:DateTime64(3, 'UTC')} AND payment_id IN (SELECT payment_id FROM paid)
COMMENT 'Every record that the answer about inference {inference_id} rests on, as known at {known_at}.';
