-- What is known of each inference, proof, payment, agent, model: views for analysts, none of which needs FINAL. Each is
-- there twice: as known now, and `..._as_of(known_at = '2026-03-10 11:00:00.000')` from what was appended up to then.

CREATE VIEW IF NOT EXISTS model_states_as_of AS
SELECT model_id, known_at, activations, flags, coverage, incidents
FROM model_state_rows FINAL
WHERE (model_id, known_at) IN (
  SELECT model_id, max(known_at) FROM model_state_rows
  WHERE known_at <= {known_at:DateTime64(3, 'UTC')} GROUP BY model_id
)
COMMENT 'What the release records of each model come to, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS model_state_revisions
(
  `model_id` String COMMENT 'The model.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'Append time of the release record that made it so; it holds until the next revision of the model.',
  `activations` Array(Tuple(release String, activation UInt32, from DateTime64(6, 'UTC'), to Nullable(DateTime64(6, 'UTC')), undone_by Nullable(UInt64), restored Nullable(String), flagged Bool)) COMMENT 'Every activation, by (from, release).',
  `flags` Array(Tuple(offset UInt64, flag_id String, release String, severity Nullable(String), activation Nullable(Int32), activation_from Nullable(DateTime64(6, 'UTC')), from Nullable(DateTime64(6, 'UTC')), until Nullable(DateTime64(6, 'UTC')), targets Array(String), any_target Bool, raised_at DateTime64(3, 'UTC'))) COMMENT 'The flags that stand, in the order of R.',
  `coverage` Array(Tuple(release String, target_id String, any_target Bool, from DateTime64(6, 'UTC'), until DateTime64(6, 'UTC'))) COMMENT 'Event times at which a flag covers an inference of a release, for any target or for one.',
  `incidents` Array(Tuple(release String, standing Bool, activations Array(UInt32), spans Array(Tuple(from DateTime64(6, 'UTC'), to Nullable(DateTime64(6, 'UTC')))), contained_at Nullable(DateTime64(6, 'UTC')), recovered_at Nullable(DateTime64(6, 'UTC')), linked Array(String), closed_at Nullable(DateTime64(3, 'UTC')), began Bool)) COMMENT 'Every release that was ever flagged.'
)
AS SELECT model_id, known_at, activations, flags, coverage, incidents FROM model_state_rows FINAL
COMMENT 'What the release records of each model came to, a row a revision.';

CREATE VIEW IF NOT EXISTS windows_as_of AS
SELECT
  model_id, a.release AS release, a.activation AS activation, a.from AS from, a.to AS to,
  toBool(isNotNull(a.undone_by)) AS undone_by_rollback, a.undone_by AS undone_by, a.restored AS restored, a.flagged AS flagged,
  known_at
FROM model_states_as_of(known_at = {known_at:DateTime64(3, 'UTC')})
ARRAY JOIN activations AS a
COMMENT 'Activations of releases, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS windows
(
  `model_id` String COMMENT 'The model.',
  `release` String COMMENT 'The release.',
  `activation` UInt32 COMMENT 'Number of the activation of the release, from 1 in time order.',
  `from` DateTime64(6, 'UTC') COMMENT 'Start of the activation. UTC.',
  `to` Nullable(DateTime64(6, 'UTC')) COMMENT 'End of the activation, exclusive; null while it is open. UTC.',
  `undone_by_rollback` Bool COMMENT 'Whether a rollback undid it.',
  `undone_by` Nullable(UInt64) COMMENT 'Offset of the ROLLED_BACK that undid it.',
  `restored` Nullable(String) COMMENT 'The release that rollback restored.',
  `flagged` Bool COMMENT 'Whether a flag covers the activation.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'Append time of the release record since which the model is known so.'
)
AS SELECT `model_id`, `release`, `activation`, `from`, `to`, `undone_by_rollback`, `undone_by`, `restored`, `flagged`, `known_at`
FROM windows_as_of(known_at = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'Activations of releases, as known now.';

CREATE VIEW IF NOT EXISTS flags_as_of AS
SELECT
  model_id, f.release AS release, f.flag_id AS flag_id, f.severity AS severity, f.activation AS activation,
  f.activation_from AS activation_from, f.from AS from, f.until AS until, f.targets AS targets,
  f.any_target AS any_target, f.raised_at AS raised_at, f.offset AS offset
FROM model_states_as_of(known_at = {known_at:DateTime64(3, 'UTC')})
ARRAY JOIN flags AS f
COMMENT 'Flags that stand, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS flags
(
  `model_id` String COMMENT 'The model.',
  `release` String COMMENT 'The release declared bad.',
  `flag_id` String COMMENT 'Name of the flag within its model.',
  `severity` Nullable(String) COMMENT 'How bad it is, in the words of whoever raised the flag.',
  `activation` Nullable(Int32) COMMENT 'The activation it is limited to, by number as of then; null for every one.',
  `activation_from` Nullable(DateTime64(6, 'UTC')) COMMENT 'Start of that activation, once there is one. UTC.',
  `from` Nullable(DateTime64(6, 'UTC')) COMMENT 'Limits the flag to event times at or after this one. UTC.',
  `until` Nullable(DateTime64(6, 'UTC')) COMMENT 'Limits the flag to event times before this one. UTC.',
  `targets` Array(String) COMMENT 'The targets it is limited to.',
  `any_target` Bool COMMENT 'Whether it is limited to no targets.',
  `raised_at` DateTime64(3, 'UTC') COMMENT 'Append time of the FLAGGED record.',
  `offset` UInt64 COMMENT 'Offset of the FLAGGED record in the releases topic.'
)
AS SELECT `model_id`, `release`, `flag_id`, `severity`, `activation`, `activation_from`, `from`, `until`, `targets`, `any_target`, `raised_at`, `offset`
FROM flags_as_of(known_at = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'Flags that stand, as known now.';

CREATE VIEW IF NOT EXISTS flag_coverage_as_of AS
SELECT
  model_id, c.release AS release, c.from AS from, c.until AS until, c.any_target AS any_target, c.target_id AS target_id
FROM model_states_as_of(known_at = {known_at:DateTime64(3, 'UTC')})
ARRAY JOIN coverage AS c
COMMENT 'Event times at which a flag covers an inference of a release, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS flag_coverage
(
  `model_id` String COMMENT 'The model.',
  `release` String COMMENT 'The release.',
  `from` DateTime64(6, 'UTC') COMMENT 'Start of the span of event times. UTC.',
  `until` DateTime64(6, 'UTC') COMMENT 'End of the span, exclusive. UTC.',
  `any_target` Bool COMMENT 'Whether it holds whatever the target.',
  `target_id` String COMMENT 'Else the target it holds for.'
)
AS SELECT `model_id`, `release`, `from`, `until`, `any_target`, `target_id`
FROM flag_coverage_as_of(known_at = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'Event times at which a flag covers an inference of a release, as known now.';

CREATE VIEW IF NOT EXISTS flag_coverage_revisions
(
  `model_id` String COMMENT 'The model.',
  `release` String COMMENT 'The release.',
  `from` DateTime64(6, 'UTC') COMMENT 'Start of the span of event times. UTC.',
  `until` DateTime64(6, 'UTC') COMMENT 'End of the span, exclusive. UTC.',
  `any_target` Bool COMMENT 'Whether it holds whatever the target.',
  `target_id` String COMMENT 'Else the target it holds for.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'From when this was known.',
  `said_until` DateTime64(3, 'UTC') COMMENT 'Until when: the next state of the model; 2299 for the newest.'
)
AS SELECT
  model_id, c.release AS release, c.from AS from, c.until AS until, c.any_target AS any_target, c.target_id AS target_id,
  known_at, said_until
FROM
(
  SELECT
    model_id, known_at, coverage,
    leadInFrame(known_at, 1, toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC')) OVER (
      PARTITION BY model_id ORDER BY known_at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS said_until
  FROM model_state_rows FINAL
)
ARRAY JOIN coverage AS c
COMMENT 'Event times at which a flag covered an inference of a release, and when that was known.';

CREATE VIEW IF NOT EXISTS traffic_changes
(
  `model_id` String COMMENT 'The model.',
  `from` DateTime64(6, 'UTC') COMMENT 'From when the split holds, unless a record of a greater offset says otherwise. UTC.',
  `traffic` Map(String, Int32) COMMENT 'Release to basis points; empty for an outage.',
  `offset` UInt64 COMMENT 'Offset of the release record that says so.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'Append time of that record.'
)
AS SELECT
  model_id, ifNull(effective_at, occurred_at) AS from,
  mapFilter((release, share) -> share > 0, if(traffic_given, traffic, map(ifNull(to, ''), toInt32(10000)))) AS traffic,
  offset, appended_at AS known_at
FROM release_records
WHERE action IN ('TRAFFIC_SET', 'ROLLED_BACK')
COMMENT 'Every traffic split that a release record set.';

CREATE VIEW IF NOT EXISTS timeline_as_of AS
SELECT model_id, from, argMax(split, position) AS traffic, max(position) AS offset
FROM
(
  SELECT model_id, from, traffic AS split, offset AS position FROM traffic_changes
  WHERE known_at <= {known_at:DateTime64(3, 'UTC')}
)
GROUP BY model_id, from
COMMENT 'The traffic split of each model from each effective time on, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS timeline
(
  `model_id` String COMMENT 'The model.',
  `from` DateTime64(6, 'UTC') COMMENT 'From when the split holds, until the next one of the model. UTC.',
  `traffic` Map(String, Int32) COMMENT 'Release to basis points; empty for an outage.',
  `offset` UInt64 COMMENT 'Offset of the release record that says so.'
)
AS SELECT `model_id`, `from`, `traffic`, `offset`
FROM timeline_as_of(known_at = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'The traffic split of each model from each effective time on, as known now.';

CREATE VIEW IF NOT EXISTS inferences_as_of AS
WITH
  {known_at:DateTime64(3, 'UTC')} AS k,
  r.known_at <= k AS newest,
  arrayLastIndex(known -> known <= k, r.earlier.known_at) AS said
SELECT
  r.inference_id, r.model_id, r.occurred_at,
  if(newest, r.status, r.earlier.status[said]) AS status,
  if(newest, r.release, r.earlier.release[said]) AS release,
  if(newest, r.activation, r.earlier.activation[said]) AS activation,
  if(newest, r.phase, r.earlier.phase[said]) AS phase,
  if(newest, r.basis, r.earlier.basis[said]) AS basis,
  if(newest, r.candidates, r.earlier.candidates[said]) AS candidates,
  if(newest, r.near_boundary, r.earlier.near_boundary[said]) AS near_boundary,
  if(newest, r.findings, r.earlier.findings[said]) AS findings,
  if(newest, r.blob_status, r.earlier.blob_status[said]) AS blob_status,
  if(newest, r.blob_releases, r.earlier.blob_releases[said]) AS blob_releases,
  if(newest, r.known_at, r.earlier.known_at[said]) AS known_at,
  r.blob_id, r.claim, r.target_id, r.agent_id, r.session_id, r.requested_model, r.request_hash, r.output_hash, r.cost, r.appended_at, r.partition, r.offset
FROM inference_rows AS r FINAL
WHERE r.appended_at <= k
  AND (r.partition, r.offset) NOT IN (SELECT partition, offset FROM copy_rows FINAL WHERE stream = 'inferences' AND NOT counts)
COMMENT 'Which release served each inference, and which blob produced it, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS inferences
(
  `inference_id` String COMMENT 'The inference, and the key of the record.',
  `model_id` LowCardinality(String) COMMENT 'The model that ran.',
  `occurred_at` DateTime64(6, 'UTC') COMMENT 'Event time: when the model ran, by the clock of the source. UTC.',
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
  `known_at` DateTime64(3, 'UTC') COMMENT 'Since when this is known: the greatest append time among the records it rests on.',
  `blob_id` LowCardinality(Nullable(String)) COMMENT 'Walrus blob id of the model file that produced the output.',
  `claim` LowCardinality(Nullable(String)) COMMENT 'The release as the node or gateway reports it. A claim, and weaker evidence than target and blob.',
  `target_id` LowCardinality(Nullable(String)) COMMENT 'The TEE or node that served the request.',
  `agent_id` Nullable(String) COMMENT 'The agent that made the request.',
  `session_id` Nullable(String) COMMENT 'The payment session the request belongs to.',
  `requested_model` LowCardinality(Nullable(String)) COMMENT 'The model name as the request had it, before any alias was resolved.',
  `request_hash` Nullable(String) COMMENT 'Hash of the request, as signed by the TEE.',
  `output_hash` Nullable(String) COMMENT 'Hash of the output, as signed by the TEE.',
  `cost` Nullable(UInt256) COMMENT 'Cost in the smallest unit of the asset, a decimal integer of at most 2^256 - 1. Weighs the split of a payment.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'Append time: when the log had the record (LogAppendTime). Knowledge time counts by this.',
  `partition` UInt32 COMMENT 'Kafka partition of the record.',
  `offset` UInt64 COMMENT 'Kafka offset of the record.'
)
AS SELECT `inference_id`, `model_id`, `occurred_at`, `status`, `release`, `activation`, `phase`, `basis`, `candidates`, `near_boundary`, `findings`, `blob_status`, `blob_releases`, `known_at`, `blob_id`, `claim`, `target_id`, `agent_id`, `session_id`, `requested_model`, `request_hash`, `output_hash`, `cost`, `appended_at`, `partition`, `offset`
FROM inferences_as_of(known_at = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'Which release served each inference, and which blob produced it, as known now.';

CREATE VIEW IF NOT EXISTS inference_releases_as_of AS
SELECT
  i.model_id AS model_id, i.inference_id AS inference_id, i.occurred_at AS occurred_at, i.appended_at AS appended_at,
  i.agent_id AS agent_id, i.release AS release, i.certain AS certain, i.share_bp AS share_bp,
  i.activation AS activation, i.phase AS phase, toBool(ifNull(f.release, '') != '') AS covered
FROM
(
  SELECT
    model_id, inference_id, occurred_at, appended_at, agent_id, target_id, toBool(status = 'attributed') AS certain, phase,
    c.release AS release, c.share_bp AS share_bp, c.activation AS activation
  FROM inferences_as_of(known_at = {known_at:DateTime64(3, 'UTC')})
  ARRAY JOIN candidates AS c
) AS i
LEFT JOIN flag_coverage_as_of(known_at = {known_at:DateTime64(3, 'UTC')}) AS f
  ON i.model_id = f.model_id AND i.release = f.release AND i.occurred_at >= f.from AND i.occurred_at < f.until
  AND (f.any_target OR f.target_id = i.target_id)
COMMENT 'Every release that served an inference or may have, and whether a flag covers it there, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS inference_releases
(
  `model_id` LowCardinality(String) COMMENT 'The model.',
  `inference_id` String COMMENT 'The inference.',
  `occurred_at` DateTime64(6, 'UTC') COMMENT 'Event time. UTC.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'Append time of the inference.',
  `agent_id` Nullable(String) COMMENT 'The agent that made the request.',
  `release` String COMMENT 'The release that served it or, when not certain, may have.',
  `certain` Bool COMMENT 'True when it is attributed to the release, false for a candidate.',
  `share_bp` UInt32 COMMENT 'Share of the release among the candidates, in basis points.',
  `activation` Nullable(UInt32) COMMENT 'The activation it belongs to, or would.',
  `phase` LowCardinality(Nullable(String)) COMMENT 'active, stale, premature or never, when certain.',
  `covered` Bool COMMENT 'Whether a flag covers the inference at this release.'
)
AS SELECT `model_id`, `inference_id`, `occurred_at`, `appended_at`, `agent_id`, `release`, `certain`, `share_bp`, `activation`, `phase`, `covered`
FROM inference_releases_as_of(known_at = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'Every release that served an inference or may have, and whether a flag covers it there, as known now.';

CREATE VIEW IF NOT EXISTS inference_revisions
(
  `inference_id` String COMMENT 'The inference, and the key of the record.',
  `model_id` LowCardinality(String) COMMENT 'The model that ran.',
  `occurred_at` DateTime64(6, 'UTC') COMMENT 'Event time: when the model ran, by the clock of the source. UTC.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'From when this was said.',
  `said_until` DateTime64(3, 'UTC') COMMENT 'Until when: the next revision; 2299 for the newest.',
  `status` String COMMENT 'attributed, ambiguous or unattributed.',
  `release` Nullable(String) COMMENT 'The release that served it, when attributed.',
  `activation` Nullable(UInt32) COMMENT 'Activation of the release that it belongs to: the one that contains its time or, when stale, the last that ended.',
  `phase` Nullable(String) COMMENT 'active, stale, premature or never, when attributed.',
  `basis` Nullable(String) COMMENT 'The evidence that decided: target, blob, blob+claim, blob+timeline, claim or timeline.',
  `candidates` Array(Tuple(release String, share_bp UInt32, activation Nullable(UInt32))) COMMENT 'The releases that can have served it, with their shares in basis points and the activation it would belong to.',
  `near_boundary` Bool COMMENT 'Whether a change of traffic lies within the clock error of the source.',
  `findings` Array(String) COMMENT 'Evidence that disagrees or is missing.',
  `blob_status` String COMMENT 'matched, unknown or not_applicable.',
  `blob_releases` Array(String) COMMENT 'The releases that list the blob.',
  `blob_id` LowCardinality(Nullable(String)) COMMENT 'Walrus blob id of the model file that produced the output.',
  `target_id` LowCardinality(Nullable(String)) COMMENT 'The TEE or node that served the request.',
  `agent_id` Nullable(String) COMMENT 'The agent that made the request.',
  `session_id` Nullable(String) COMMENT 'The payment session the request belongs to.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'Append time: when the log had the record (LogAppendTime). Knowledge time counts by this.'
)
AS SELECT
  inference_id, model_id, occurred_at,
  said.1 AS known_at, until AS said_until, said.2 AS status, said.3 AS release, said.4 AS activation, said.5 AS phase, said.6 AS basis, said.7 AS candidates, said.8 AS near_boundary, said.9 AS findings, said.10 AS blob_status, said.11 AS blob_releases,
  blob_id, target_id, agent_id, session_id, appended_at
FROM
(
  SELECT
    inference_id, model_id, occurred_at, blob_id, target_id, agent_id, session_id, appended_at,
    arrayJoin(arrayZip(
      arrayPushBack(earlier, tuple(known_at, CAST(status, 'String'), CAST(release, 'Nullable(String)'), activation, CAST(phase, 'Nullable(String)'), CAST(basis, 'Nullable(String)'), candidates, near_boundary, CAST(findings, 'Array(String)'), CAST(blob_status, 'String'), CAST(blob_releases, 'Array(String)'))),
      arrayPushBack(arrayPopFront(arrayPushBack(earlier.known_at, known_at)), toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
    )) AS revision,
    revision.1 AS said, revision.2 AS until
  FROM inference_rows FINAL
  WHERE (partition, offset) NOT IN (SELECT partition, offset FROM copy_rows FINAL WHERE stream = 'inferences' AND NOT counts)
)
COMMENT 'Everything that was ever said of each inference, a row a revision.';

CREATE VIEW IF NOT EXISTS proofs_as_of AS
SELECT
  inference_id,
  multiIf(deciding.2 = 'VERIFIED', 'verified', deciding.2 = 'FAILED', 'failed', deciding.2 = 'SUBMITTED', 'pending', 'none') AS state,
  if(deciding.2 = '', NULL, deciding.3) AS path,
  if(deciding.2 = 'VERIFIED', deciding.1, NULL) AS verified_at,
  if(deciding.2 = 'VERIFIED' AND revoked.2 != '', revoked.1, NULL) AS unverifiable_since,
  known_at
FROM
(
  SELECT
    inference_id,
    arrayMap(
      r -> (r.1, r.6, r.7, r.8),
      arraySort(groupArray((occurred_at, appended_at, key, partition, offset, toString(state), toString(path), proof_id)))
    ) AS story,
    arrayFirstIndex(r -> r.2 = 'VERIFIED', story) AS verified,
    arrayFirstIndex(r -> r.2 = 'FAILED', story) AS failed,
    arrayFirstIndex(r -> r.2 = 'SUBMITTED', story) AS submitted,
    story[multiIf(verified > 0, verified, failed > 0, failed, submitted)] AS deciding,
    arrayFirst((r, i) -> r.2 = 'UNVERIFIABLE' AND r.4 = deciding.4 AND i > verified, story, arrayEnumerate(story)) AS revoked,
    max(appended_at) AS known_at
  FROM proof_records
  WHERE appended_at <= {known_at:DateTime64(3, 'UTC')}
  GROUP BY inference_id
)
COMMENT 'Which proof path verified each inference; one without proof records is not there, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS proofs
(
  `inference_id` String COMMENT 'The inference the proofs are of.',
  `state` String COMMENT 'verified, failed, pending or none.',
  `path` Nullable(String) COMMENT 'Proof path of the record that decides: TEE, ZKML, VANILLA or OTHER.',
  `verified_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'Event time of the first verification. UTC.',
  `unverifiable_since` Nullable(DateTime64(6, 'UTC')) COMMENT 'Since when the proof that verified it can no longer be checked. UTC.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'Append time of the latest proof record of the inference.'
)
AS SELECT `inference_id`, `state`, `path`, `verified_at`, `unverifiable_since`, `known_at`
FROM proofs_as_of(known_at = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'Which proof path verified each inference; one without proof records is not there, as known now.';

CREATE VIEW IF NOT EXISTS earlier_payments AS
SELECT
  payment_id, models, known_at, asset, network, payer, payee, state, amount, settled_at, settled_appended_at,
  refunded, model_id, session_id, findings,
  arrayMap(
    (link, share, place) -> (link.1, link.2, link.3, ifNull(link.5, share + (place <= last_place)))
      ::Tuple(inference_id String, model_id Nullable(String), occurred_at Nullable(DateTime64(6, 'UTC')), amount UInt256),
    links, shares, places
  ) AS parts,
  if(is_open, toUInt256(0), rest) AS unlinked,
  arrayMap(link -> link.1, arrayFilter(link -> link.2 IS NULL, links)) AS waiting
FROM
(
  SELECT
    payment_id, models, known_at, asset, network, payer, payee, state, amount, settled_at, settled_appended_at,
    refunded, model_id, session_id, findings, rest, links, is_open,
    -- The largest remainders take what is left over; of equal ones the first, as links are sorted by id.
    arrayMap(weight -> intDiv(rest * weight, total), weights) AS shares,
    arrayMap((weight, place) -> (bitNot((rest * weight) % total), place), weights, arrayEnumerate(weights)) AS places,
    if(is_open, arraySort(places)[toUInt64(rest - arraySum(shares))], (toUInt256(0), 0)) AS last_place
  FROM
  (
    SELECT
      payment_id, models, known_at, asset, network, payer, payee, state, amount, settled_at, settled_appended_at,
      refunded, model_id, session_id, findings, rest, links,
      arrayExists(link -> link.5 IS NULL, links) AS is_open,
      -- By cost where each that shares has one and not all are 0, else equally.
      arrayAll(link -> link.5 IS NOT NULL OR link.4 IS NOT NULL, links)
        AND arrayExists(link -> link.5 IS NULL AND ifNull(link.4 > 0, false), links) AS by_cost,
      arrayMap(
        link -> multiIf(link.5 IS NOT NULL, toUInt256(0), by_cost, ifNull(link.4, toUInt256(0)), toUInt256(1)),
        links
      ) AS weights,
      greatest(arraySum(weights), toUInt256(1)) AS total
    FROM
    (
      SELECT
        payment_id, models, moment AS known_at,
        arrayLastIndex(known -> known <= moment, own.known_at) AS at,
        own.asset[at] AS asset, own.network[at] AS network, own.payer[at] AS payer, own.payee[at] AS payee,
        own.state[at] AS state, own.amount[at] AS amount, own.settled_at[at] AS settled_at,
        own.settled_appended_at[at] AS settled_appended_at, own.refunded[at] AS refunded,
        own.model_id[at] AS model_id, own.session_id[at] AS session_id, own.findings[at] AS findings,
        own.rest[at] AS rest, own.by_session[at] AS by_session,
        own.links[at] AS marks,
        arrayMap(
          (one, mark) -> if(
            ifNull(one.since <= moment, false),
            (one.inference_id, one.model_id, one.occurred_at, one.cost, mark.amount),
            (one.inference_id, NULL, NULL, NULL, mark.amount)
          ),
          arrayFilter((one, mark) -> mark.is_link AND (NOT by_session OR ifNull(one.since <= moment, false)), linked, marks),
          arrayFilter((mark, one) -> mark.is_link AND (NOT by_session OR ifNull(one.since <= moment, false)), marks, linked)
        ) AS links
      FROM
      (
        SELECT
          payment_id, models, own, linked,
          arrayConcat(
            own.known_at,
            arrayMap(since -> assumeNotNull(since), arrayFilter(since -> ifNull(since > own.known_at[1], false), linked.since))
          ) AS moments,
          arrayMax(arrayFilter(at -> at <= {from:DateTime64(3, 'UTC')}, moments)) AS first_moment,
          arrayJoin(arrayDistinct(arrayFilter(
            at -> at < known_at AND at >= first_moment AND at <= {until:DateTime64(3, 'UTC')},
            moments
          ))) AS moment
        FROM payment_rows FINAL
        WHERE NOT void AND notEmpty(own) AND known_at > {from:DateTime64(3, 'UTC')}
      )
    )
  )
)
COMMENT 'What was said of each payment as known at {from}, and at every later moment up to {until}, unless it is the newest: that is in payment_rows.';

CREATE VIEW IF NOT EXISTS payments_as_of AS
SELECT
  payment_id, asset, network, payer, payee, state, amount, settled_at, settled_appended_at, refunded, model_id, session_id, parts,
  unlinked, waiting, findings, known_at, models
FROM payment_rows FINAL
WHERE NOT void AND known_at <= {known_at:DateTime64(3, 'UTC')}
UNION ALL
SELECT
  payment_id, asset, network, payer, payee, state, amount, settled_at, settled_appended_at, refunded, model_id, session_id, parts,
  unlinked, waiting, findings, known_at, models
FROM earlier_payments(from = {known_at:DateTime64(3, 'UTC')}, until = {known_at:DateTime64(3, 'UTC')})
COMMENT 'What each payment says, and how its amount is split over its inferences, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS payments
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
  `known_at` DateTime64(3, 'UTC') COMMENT 'Since when the newest value is known: the greatest append time among the records it rests on.',
  `models` Array(String) COMMENT 'Every model that a record of it, or of an inference it may be for, names: what a look-up by model starts from.'
)
AS SELECT `payment_id`, `asset`, `network`, `payer`, `payee`, `state`, `amount`, `settled_at`, `settled_appended_at`, `refunded`, `model_id`, `session_id`, `parts`, `unlinked`, `waiting`, `findings`, `known_at`, `models`
FROM payment_rows FINAL
WHERE NOT void
COMMENT 'What each payment says, and how its amount is split over its inferences, as known now.';

CREATE VIEW IF NOT EXISTS payment_revisions
(
  `payment_id` String COMMENT 'The payment.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'From when this was said, until the next revision.',
  `asset` String COMMENT 'The asset paid in, by its latest record.',
  `network` String COMMENT 'The network it settles on, as CAIP-2 chain id, by its latest record.',
  `payer` String COMMENT 'Address that pays, by its latest record.',
  `payee` String COMMENT 'Address that is paid, by its latest record.',
  `state` String COMMENT 'State by the latest record.',
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
  `models` Array(String) COMMENT 'Every model that a record of it, or of an inference it may be for, names: what a look-up by model starts from.'
)
AS SELECT
  payment_id, known_at, asset, network, payer, payee, state, amount, settled_at, settled_appended_at, refunded, model_id, session_id,
  parts, unlinked, waiting, findings, models
FROM payment_rows FINAL
WHERE NOT void
UNION ALL
SELECT
  payment_id, known_at, asset, network, payer, payee, state, amount, settled_at, settled_appended_at, refunded, model_id, session_id,
  parts, unlinked, waiting, findings, models
FROM earlier_payments(from = toDateTime64(0, 3, 'UTC'), until = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'Everything that was ever said of each payment, a row a revision.';

CREATE VIEW IF NOT EXISTS payment_links
(
  `payment_id` String COMMENT 'The payment.',
  `inference_id` String COMMENT 'An inference that it has a part for, or may have had one for.',
  `model_id` String COMMENT 'The model of the inference.',
  `occurred_at` DateTime64(6, 'UTC') COMMENT 'Event time of the inference. UTC.'
)
AS SELECT payment_id, link.1 AS inference_id, link.2 AS model_id, link.3 AS occurred_at
FROM
(
  SELECT
    payment_id,
    arrayJoin(arrayDistinct(arrayMap(
      one -> (one.1, assumeNotNull(one.2), assumeNotNull(one.3)),
      arrayFilter(one -> one.2 IS NOT NULL AND one.3 IS NOT NULL, arrayConcat(
        arrayMap(p -> (p.inference_id, p.model_id, p.occurred_at), parts),
        arrayMap(l -> (l.inference_id, l.model_id, l.occurred_at), linked)
      ))
    ))) AS link
  FROM payment_rows FINAL
  WHERE NOT void
)
COMMENT 'Every inference that a record of a payment names, or its session, as soon as a record of it is known: what any split of it can rest on.';

CREATE VIEW IF NOT EXISTS payment_parts_as_of AS
SELECT
  payment_id, state, settled_at, settled_appended_at, refunded, p.inference_id AS inference_id, p.model_id AS model_id,
  p.occurred_at AS occurred_at, p.amount AS amount, asset, network
FROM
(
  SELECT payment_id, state, settled_at, settled_appended_at, refunded, asset, network, parts
  FROM payments_as_of(known_at = {known_at:DateTime64(3, 'UTC')})
)
ARRAY JOIN parts AS p
COMMENT 'The parts that payments are split into, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS payment_parts
(
  `payment_id` String COMMENT 'The payment.',
  `state` LowCardinality(String) COMMENT 'State by the latest record.',
  `settled_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'Event time of the earliest SETTLED; null while not settled and after a REVERSED. UTC.',
  `settled_appended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Append time of the first SETTLED in log order; null when settled_at is.',
  `refunded` Bool COMMENT 'The money did move and came back: the amount counts as 0 in sums.',
  `inference_id` String COMMENT 'The inference the part is for.',
  `model_id` Nullable(String) COMMENT 'Its model; null while no record of it is known.',
  `occurred_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'Its event time; null while no record of it is known. UTC.',
  `amount` UInt256 COMMENT 'The part, in the smallest unit of the asset.',
  `asset` String COMMENT 'The asset paid in.',
  `network` String COMMENT 'The network it settles on, as CAIP-2 chain id.'
)
AS SELECT
  payment_id, state, settled_at, settled_appended_at, refunded, p.inference_id AS inference_id, p.model_id AS model_id,
  p.occurred_at AS occurred_at, p.amount AS amount, asset, network
FROM (SELECT payment_id, state, settled_at, settled_appended_at, refunded, asset, network, parts FROM payments)
ARRAY JOIN parts AS p
COMMENT 'The parts that payments are split into, as known now.';

CREATE VIEW IF NOT EXISTS earlier_model_payments AS
SELECT
  model_id, payment_id, known_at, asset, network, amount, settled_at, settled_appended_at, refunded,
  toBool(ifNull(named = model_id, false)) AS names_model,
  arrayMap(
    (link, amount) -> (link.1, assumeNotNull(link.3), amount)
      ::Tuple(inference_id String, occurred_at DateTime64(6, 'UTC'), amount UInt256),
    arrayFilter(link -> ifNull(link.2 = model_id, false), links),
    arrayFilter(
      (amount, link) -> ifNull(link.2 = model_id, false),
      arrayMap((link, share, place) -> ifNull(link.5, share + (place <= last_place)), links, shares, places),
      links
    )
  ) AS parts
FROM
(
  SELECT
    model_id, payment_id, known_at, asset, network, amount, settled_at, settled_appended_at, refunded, named, rest,
    links, is_open,
    -- The largest remainders take what is left over; of equal ones the first, as links are sorted by id.
    arrayMap(weight -> intDiv(rest * weight, total), weights) AS shares,
    arrayMap((weight, place) -> (bitNot((rest * weight) % total), place), weights, arrayEnumerate(weights)) AS places,
    if(is_open, arraySort(places)[toUInt64(rest - arraySum(shares))], (toUInt256(0), 0)) AS last_place
  FROM
  (
    SELECT
      model_id, payment_id, known_at, asset, network, amount, settled_at, settled_appended_at, refunded, named, rest,
      links,
      arrayExists(link -> link.5 IS NULL, links) AS is_open,
      -- By cost where each that shares has one and not all are 0, else equally.
      arrayAll(link -> link.5 IS NOT NULL OR link.4 IS NOT NULL, links)
        AND arrayExists(link -> link.5 IS NULL AND ifNull(link.4 > 0, false), links) AS by_cost,
      arrayMap(
        link -> multiIf(link.5 IS NOT NULL, toUInt256(0), by_cost, ifNull(link.4, toUInt256(0)), toUInt256(1)),
        links
      ) AS weights,
      greatest(arraySum(weights), toUInt256(1)) AS total
    FROM
    (
      SELECT
        model_id, payment_id, moment AS known_at,
        arrayLastIndex(known -> known <= moment, own.known_at) AS at,
        own.asset[at] AS asset, own.network[at] AS network, own.amount[at] AS amount,
        own.settled_at[at] AS settled_at, own.settled_appended_at[at] AS settled_appended_at,
        own.refunded[at] AS refunded, own.model_id[at] AS named, own.rest[at] AS rest, own.by_session[at] AS by_session,
        own.links[at] AS marks,
        arrayMap(
          (one, mark) -> if(
            ifNull(one.since <= moment, false),
            (one.inference_id, one.model_id, one.occurred_at, one.cost, mark.amount),
            (one.inference_id, NULL, NULL, NULL, mark.amount)
          ),
          arrayFilter((one, mark) -> mark.is_link AND (NOT by_session OR ifNull(one.since <= moment, false)), linked, marks),
          arrayFilter((mark, one) -> mark.is_link AND (NOT by_session OR ifNull(one.since <= moment, false)), marks, linked)
        ) AS links
      FROM
      (
        SELECT
          model_id, payment_id, own, linked,
          arrayConcat(
            own.known_at,
            arrayMap(since -> assumeNotNull(since), arrayFilter(since -> ifNull(since > own.known_at[1], false), linked.since))
          ) AS moments,
          arrayMax(arrayFilter(at -> at <= {from:DateTime64(3, 'UTC')}, moments)) AS first_moment,
          arrayJoin(arrayDistinct(arrayFilter(
            at -> at < known_at AND at >= first_moment AND at <= {until:DateTime64(3, 'UTC')},
            moments
          ))) AS moment
        FROM payment_model_rows FINAL
        WHERE NOT void AND notEmpty(own) AND known_at > {from:DateTime64(3, 'UTC')}
      )
    )
  )
)
COMMENT 'What was said of the payments of each model as known at {from}, and at every later moment up to {until}, unless it is the newest: that is in payment_model_rows.';

CREATE VIEW IF NOT EXISTS model_payments_as_of AS
SELECT model_id, payment_id, asset, network, amount, settled_at, settled_appended_at, refunded, names_model, parts, known_at
FROM payment_model_rows FINAL
WHERE NOT void AND known_at <= {known_at:DateTime64(3, 'UTC')} AND (names_model OR notEmpty(parts))
UNION ALL
SELECT model_id, payment_id, asset, network, amount, settled_at, settled_appended_at, refunded, names_model, parts, known_at
FROM earlier_model_payments(from = {known_at:DateTime64(3, 'UTC')}, until = {known_at:DateTime64(3, 'UTC')})
WHERE names_model OR notEmpty(parts)
COMMENT 'The payments of each model, with their parts for its inferences, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS model_payments
(
  `model_id` LowCardinality(String) COMMENT 'The model.',
  `payment_id` String COMMENT 'A payment that says it is for the model, or has a part for an inference of it.',
  `asset` String COMMENT 'The asset paid in, by its latest record.',
  `network` String COMMENT 'The network it settles on, as CAIP-2 chain id, by its latest record.',
  `amount` UInt256 COMMENT 'Amount of the whole payment, in the smallest unit of the asset.',
  `settled_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'Event time of the earliest SETTLED; null while not settled and after a REVERSED. UTC.',
  `settled_appended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Append time of the first SETTLED in log order; null when settled_at is.',
  `refunded` Bool COMMENT 'The money did move and came back: the amount counts as 0 in sums.',
  `names_model` Bool COMMENT 'Whether the payment itself says that it is for the model.',
  `parts` Array(Tuple(inference_id String, occurred_at DateTime64(6, 'UTC'), amount UInt256)) COMMENT 'Its parts for inferences of the model.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'Since when this is known: the greatest append time among the records it rests on.'
)
AS SELECT `model_id`, `payment_id`, `asset`, `network`, `amount`, `settled_at`, `settled_appended_at`, `refunded`, `names_model`, `parts`, `known_at`
FROM payment_model_rows FINAL
WHERE NOT void AND (names_model OR notEmpty(parts))
COMMENT 'The payments of each model, with their parts for its inferences, as known now.';

CREATE VIEW IF NOT EXISTS model_payment_links
(
  `model_id` LowCardinality(String) COMMENT 'The model.',
  `payment_id` String COMMENT 'The payment.',
  `ever_settled` Bool COMMENT 'Whether it is or ever was known to be settled.',
  `inference_id` String COMMENT 'An inference of the model that it has a part for, or may have had one for.',
  `occurred_at` DateTime64(6, 'UTC') COMMENT 'Event time of the inference. UTC.'
)
AS SELECT model_id, payment_id, ever_settled, link.1 AS inference_id, link.2 AS occurred_at
FROM
(
  SELECT
    model_id, payment_id,
    toBool(settled_at IS NOT NULL OR arrayExists(one -> one.settled_at IS NOT NULL, own)) AS ever_settled,
    arrayJoin(arrayDistinct(arrayConcat(
      arrayMap(p -> (p.inference_id, p.occurred_at), parts),
      arrayMap(
        l -> (l.inference_id, assumeNotNull(l.occurred_at)),
        arrayFilter(l -> ifNull(l.model_id = toString(payment_model_rows.model_id), false) AND l.occurred_at IS NOT NULL, linked)
      )
    ))) AS link
  FROM payment_model_rows FINAL
  WHERE NOT void
)
COMMENT 'Every inference of a model that a record of a payment names, or its session, as soon as a record of it is known.';

CREATE VIEW IF NOT EXISTS model_payment_revisions
(
  `model_id` LowCardinality(String) COMMENT 'The model.',
  `payment_id` String COMMENT 'A payment that at some time said it is for the model, or had a part for an inference of it.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'From when this was said, until the next revision.',
  `asset` String COMMENT 'The asset paid in, by its latest record.',
  `network` String COMMENT 'The network it settles on, as CAIP-2 chain id, by its latest record.',
  `amount` UInt256 COMMENT 'Amount of the whole payment, in the smallest unit of the asset.',
  `settled_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'Event time of the earliest SETTLED; null while not settled and after a REVERSED. UTC.',
  `settled_appended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Append time of the first SETTLED in log order; null when settled_at is.',
  `refunded` Bool COMMENT 'The money did move and came back: the amount counts as 0 in sums.',
  `names_model` Bool COMMENT 'Whether the payment itself says that it is for the model.',
  `parts` Array(Tuple(inference_id String, occurred_at DateTime64(6, 'UTC'), amount UInt256)) COMMENT 'Its parts for inferences of the model.'
)
AS SELECT model_id, payment_id, known_at, asset, network, amount, settled_at, settled_appended_at, refunded, names_model, parts
FROM payment_model_rows FINAL
WHERE NOT void
UNION ALL
SELECT model_id, payment_id, known_at, asset, network, amount, settled_at, settled_appended_at, refunded, names_model, parts
FROM earlier_model_payments(from = toDateTime64(0, 3, 'UTC'), until = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'Everything that was ever said of the payments of each model, a row a revision.';

CREATE VIEW IF NOT EXISTS agent_changes_as_of AS
SELECT agent_id, change_id, occurred_at, action, kind, model_id, before_digest, after_digest, caused_by, upstream_agent_ids, reverts_change_id, key, partition, offset, appended_at
FROM agent_records
WHERE appended_at <= {known_at:DateTime64(3, 'UTC')}
COMMENT 'What agents changed, took back and acknowledged, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS agent_changes
(
  `agent_id` String COMMENT 'The agent, and the key of the record.',
  `change_id` String COMMENT 'Name of this change, for later records to refer to.',
  `occurred_at` DateTime64(6, 'UTC') COMMENT 'Event time: when the agent changed, reverted or acknowledged, by the clock of the source. UTC.',
  `action` LowCardinality(String) COMMENT 'What the agent did.',
  `kind` LowCardinality(String) COMMENT 'What about the agent changed.',
  `model_id` Nullable(String) COMMENT 'The model the change is about. Null means any.',
  `before_digest` Nullable(String) COMMENT 'Digest of what it was before the change.',
  `after_digest` Nullable(String) COMMENT 'Digest of what it is after the change.',
  `caused_by` Array(String) COMMENT 'Ids of the inferences that caused the change.',
  `upstream_agent_ids` Array(String) COMMENT 'Ids of the agents whose output the agent used.',
  `reverts_change_id` Nullable(String) COMMENT 'REVERTED: the change_id of the change taken back.',
  `key` String COMMENT 'Key of the record, empty when it had none.',
  `partition` UInt32 COMMENT 'Kafka partition of the record.',
  `offset` UInt64 COMMENT 'Kafka offset of the record.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'Append time: when the log had the record (LogAppendTime). Knowledge time counts by this.'
)
AS SELECT `agent_id`, `change_id`, `occurred_at`, `action`, `kind`, `model_id`, `before_digest`, `after_digest`, `caused_by`, `upstream_agent_ids`, `reverts_change_id`, `key`, `partition`, `offset`, `appended_at`
FROM agent_changes_as_of(known_at = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'What agents changed, took back and acknowledged, as known now.';

CREATE VIEW IF NOT EXISTS agent_exposures_as_of AS
SELECT
  model_id, assumeNotNull(i.release) AS release, assumeNotNull(i.activation) AS activation, assumeNotNull(i.agent_id) AS agent_id,
  min(occurred_at) AS first_at, max(occurred_at) AS last_at, count() AS inferences
FROM inferences_as_of(known_at = {known_at:DateTime64(3, 'UTC')}) AS i
WHERE i.status = 'attributed' AND i.activation IS NOT NULL AND i.agent_id IS NOT NULL
GROUP BY model_id, release, activation, agent_id
COMMENT 'Agents exposed to an activation by the inferences they made, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS agent_exposures
(
  `model_id` LowCardinality(String) COMMENT 'The model.',
  `release` String COMMENT 'The release.',
  `activation` UInt32 COMMENT 'The activation.',
  `agent_id` String COMMENT 'The agent.',
  `first_at` DateTime64(6, 'UTC') COMMENT 'Event time of its first inference attributed to the activation. UTC.',
  `last_at` DateTime64(6, 'UTC') COMMENT 'Event time of its last one. UTC.',
  `inferences` UInt64 COMMENT 'How many there are.'
)
AS SELECT `model_id`, `release`, `activation`, `agent_id`, `first_at`, `last_at`, `inferences`
FROM agent_exposures_as_of(known_at = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'Agents exposed to an activation by the inferences they made, as known now.';
