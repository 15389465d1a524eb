-- What the window service writes about activations and incidents, agents included, which no join can tell. Rows are
-- appended, never updated: each is a revision with the known_at it holds for. For any other moment the views of 0005 and
-- 0006 and `backtrail ask` say what was known.

CREATE TABLE IF NOT EXISTS window_rows
(
  `model_id` String COMMENT 'The model.',
  `release` String COMMENT 'The release.',
  `activation` UInt32 COMMENT 'Number of the activation, from 1 in time order.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'The K this revision was computed for; it equals a recomputation from the facts as of then.',
  `from` DateTime64(6, 'UTC') COMMENT 'Start of the activation. UTC.',
  `to` Nullable(DateTime64(6, 'UTC')) COMMENT 'End of the activation, exclusive; null while it is open. UTC.',
  `undone_by` Nullable(UInt64) COMMENT 'Offset of the ROLLED_BACK that undid it.',
  `restored` Nullable(String) COMMENT 'The release that rollback restored.',
  `flagged` Bool COMMENT 'Whether a flag covers the activation.',
  `inferences_active` UInt64 COMMENT 'Inferences attributed to it while it had traffic.',
  `inferences_stale` UInt64 COMMENT 'Inferences attributed to it after it had ended.',
  `inferences_possible` UInt64 COMMENT 'Ambiguous inferences of which it is a candidate.',
  `proofs` Array(Tuple(path String, state String, inferences UInt64)) COMMENT 'Inferences of the activation by proof path and state.',
  `agents_changed` UInt64 COMMENT 'Agents that changed while exposed.',
  `agents_delayed` UInt64 COMMENT 'Agents that changed within the delay after the end.',
  `agents_excluded` UInt64 COMMENT 'Agents with neither, or not exposed.',
  `agents_persisting` UInt64 COMMENT 'Changed agents that did not take it back.',
  `agents_reverted` UInt64 COMMENT 'Changed agents that took it back.',
  `agents_relapsed` UInt64 COMMENT 'Agents that took it back and changed again.',
  `agents_unknown` UInt64 COMMENT 'Changed agents of which it cannot be said.',
  `agents_secondary` UInt64 COMMENT 'Agents reached only through other agents.',
  `settled_while_active` UInt64 COMMENT 'Payments of the model settled while it was active.',
  `settled_for_work` UInt64 COMMENT 'Settled payments linked to inferences of the activation.',
  `settled_possible` UInt64 COMMENT 'Settled payments linked only to ambiguous inferences.',
  `amount_work` Nullable(UInt256) COMMENT 'Sum of the parts for its work. Null: more than a UInt256 holds; `backtrail ask payments` has it exactly.',
  `amount_possible` Nullable(UInt256) COMMENT 'Sum of the parts that may be for its work. Null: more than a UInt256 holds; `backtrail ask payments` has it exactly.',
  `amount_late` Nullable(UInt256) COMMENT 'Sum of the parts for its work that settled after its end. Null: more than a UInt256 holds; `backtrail ask payments` has it exactly.',
  `void` Bool COMMENT 'True once later knowledge says that there is no such thing: the views leave it out.',
  `digest` FixedString(64) COMMENT 'SHA-256 of what the row says, known_at aside: a revision is written when it differs from the one before.',
  `version` UInt64 COMMENT 'Of two rows for one known_at the one written after more was applied holds.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (model_id, release, activation, known_at)
COMMENT 'Windows: everything that belongs to one activation, one row a revision.';

CREATE TABLE IF NOT EXISTS window_agents
(
  `model_id` String COMMENT 'The model.',
  `release` String COMMENT 'The release.',
  `activation` UInt32 COMMENT 'Number of the activation.',
  `agent_id` String COMMENT 'The agent.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'The K this revision was computed for.',
  `class` LowCardinality(String) COMMENT 'changed, delayed, excluded or secondary.',
  `outcome` LowCardinality(Nullable(String)) COMMENT 'Of a changed agent: persisting, reverted, relapsed or unknown.',
  `change_id` Nullable(String) COMMENT 'The change that counts.',
  `changed_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'Event time of that change. UTC.',
  `outcome_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'When it was reverted or relapsed. UTC.',
  `caused` Bool COMMENT 'Whether the change names an inference of the activation as its cause.',
  `reason` LowCardinality(Nullable(String)) COMMENT 'Why it is excluded.',
  `depth` Nullable(UInt32) COMMENT 'Of a secondary agent: the smallest number of steps.',
  `via` Array(String) COMMENT 'Of a secondary agent: the upstream agents that give this depth.',
  `void` Bool COMMENT 'True once later knowledge says that there is no such thing: the views leave it out.',
  `digest` FixedString(64) COMMENT 'SHA-256 of what the row says, known_at aside: a revision is written when it differs from the one before.',
  `version` UInt64 COMMENT 'Of two rows for one known_at the one written after more was applied holds.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (model_id, release, activation, agent_id, class, known_at)
COMMENT 'Agents of windows, one row a revision.';

CREATE TABLE IF NOT EXISTS incident_rows
(
  `model_id` String COMMENT 'The model.',
  `release` String COMMENT 'The flagged release.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'The K this revision was computed for.',
  `state` LowCardinality(String) COMMENT 'active, contained, closed, reopened or withdrawn.',
  `activations` Array(UInt32) COMMENT 'The activations a flag covers.',
  `contained_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'End of the last covered activation. UTC.',
  `recovered_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'First time at which only unflagged releases had traffic again. UTC.',
  `linked` Array(String) COMMENT 'Releases restored by undoing a covered activation that are themselves flagged.',
  `void` Bool COMMENT 'True once later knowledge says that there is no such thing: the views leave it out.',
  `digest` FixedString(64) COMMENT 'SHA-256 of what the row says, known_at aside: a revision is written when it differs from the one before.',
  `version` UInt64 COMMENT 'Of two rows for one known_at the one written after more was applied holds.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (model_id, release, known_at)
COMMENT 'Incidents, one row a revision.';

CREATE VIEW IF NOT EXISTS window_reports
(
  `model_id` String COMMENT 'The model.',
  `release` String COMMENT 'The release.',
  `activation` UInt32 COMMENT 'Number of the activation, from 1 in time order.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'The K this revision was computed for; it equals a recomputation from the facts as of then.',
  `from` DateTime64(6, 'UTC') COMMENT 'Start of the activation. UTC.',
  `to` Nullable(DateTime64(6, 'UTC')) COMMENT 'End of the activation, exclusive; null while it is open. UTC.',
  `undone_by` Nullable(UInt64) COMMENT 'Offset of the ROLLED_BACK that undid it.',
  `restored` Nullable(String) COMMENT 'The release that rollback restored.',
  `flagged` Bool COMMENT 'Whether a flag covers the activation.',
  `inferences_active` UInt64 COMMENT 'Inferences attributed to it while it had traffic.',
  `inferences_stale` UInt64 COMMENT 'Inferences attributed to it after it had ended.',
  `inferences_possible` UInt64 COMMENT 'Ambiguous inferences of which it is a candidate.',
  `proofs` Array(Tuple(path String, state String, inferences UInt64)) COMMENT 'Inferences of the activation by proof path and state.',
  `agents_changed` UInt64 COMMENT 'Agents that changed while exposed.',
  `agents_delayed` UInt64 COMMENT 'Agents that changed within the delay after the end.',
  `agents_excluded` UInt64 COMMENT 'Agents with neither, or not exposed.',
  `agents_persisting` UInt64 COMMENT 'Changed agents that did not take it back.',
  `agents_reverted` UInt64 COMMENT 'Changed agents that took it back.',
  `agents_relapsed` UInt64 COMMENT 'Agents that took it back and changed again.',
  `agents_unknown` UInt64 COMMENT 'Changed agents of which it cannot be said.',
  `agents_secondary` UInt64 COMMENT 'Agents reached only through other agents.',
  `settled_while_active` UInt64 COMMENT 'Payments of the model settled while it was active.',
  `settled_for_work` UInt64 COMMENT 'Settled payments linked to inferences of the activation.',
  `settled_possible` UInt64 COMMENT 'Settled payments linked only to ambiguous inferences.',
  `amount_work` Nullable(UInt256) COMMENT 'Sum of the parts for its work. Null: more than a UInt256 holds; `backtrail ask payments` has it exactly.',
  `amount_possible` Nullable(UInt256) COMMENT 'Sum of the parts that may be for its work. Null: more than a UInt256 holds; `backtrail ask payments` has it exactly.',
  `amount_late` Nullable(UInt256) COMMENT 'Sum of the parts for its work that settled after its end. Null: more than a UInt256 holds; `backtrail ask payments` has it exactly.'
)
AS SELECT `model_id`, `release`, `activation`, `known_at`, `from`, `to`, `undone_by`, `restored`, `flagged`, `inferences_active`, `inferences_stale`, `inferences_possible`, `proofs`, `agents_changed`, `agents_delayed`, `agents_excluded`, `agents_persisting`, `agents_reverted`, `agents_relapsed`, `agents_unknown`, `agents_secondary`, `settled_while_active`, `settled_for_work`, `settled_possible`, `amount_work`, `amount_possible`, `amount_late`
FROM (SELECT * FROM window_rows FINAL ORDER BY known_at DESC LIMIT 1 BY model_id, release, activation)
WHERE NOT void
COMMENT 'Windows as known now: the latest revision of each.';

CREATE VIEW IF NOT EXISTS window_reports_as_of AS
SELECT `model_id`, `release`, `activation`, `known_at`, `from`, `to`, `undone_by`, `restored`, `flagged`, `inferences_active`, `inferences_stale`, `inferences_possible`, `proofs`, `agents_changed`, `agents_delayed`, `agents_excluded`, `agents_persisting`, `agents_reverted`, `agents_relapsed`, `agents_unknown`, `agents_secondary`, `settled_while_active`, `settled_for_work`, `settled_possible`, `amount_work`, `amount_possible`, `amount_late`
FROM (SELECT * FROM window_rows FINAL WHERE known_at <= {known_at:DateTime64(3, 'UTC')} ORDER BY known_at DESC LIMIT 1 BY model_id, release, activation)
WHERE NOT void
COMMENT 'Windows as known at {known_at}, as far as revisions were written by then: the latest revision of each.';

CREATE VIEW IF NOT EXISTS window_agent_classes
(
  `model_id` String COMMENT 'The model.',
  `release` String COMMENT 'The release.',
  `activation` UInt32 COMMENT 'Number of the activation.',
  `agent_id` String COMMENT 'The agent.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'The K this revision was computed for.',
  `class` LowCardinality(String) COMMENT 'changed, delayed, excluded or secondary.',
  `outcome` LowCardinality(Nullable(String)) COMMENT 'Of a changed agent: persisting, reverted, relapsed or unknown.',
  `change_id` Nullable(String) COMMENT 'The change that counts.',
  `changed_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'Event time of that change. UTC.',
  `outcome_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'When it was reverted or relapsed. UTC.',
  `caused` Bool COMMENT 'Whether the change names an inference of the activation as its cause.',
  `reason` LowCardinality(Nullable(String)) COMMENT 'Why it is excluded.',
  `depth` Nullable(UInt32) COMMENT 'Of a secondary agent: the smallest number of steps.',
  `via` Array(String) COMMENT 'Of a secondary agent: the upstream agents that give this depth.'
)
AS SELECT `model_id`, `release`, `activation`, `agent_id`, `known_at`, `class`, `outcome`, `change_id`, `changed_at`, `outcome_at`, `caused`, `reason`, `depth`, `via`
FROM (SELECT * FROM window_agents FINAL ORDER BY known_at DESC LIMIT 1 BY model_id, release, activation, agent_id, class)
WHERE NOT void
COMMENT 'Agents of windows as known now: the latest revision of each.';

CREATE VIEW IF NOT EXISTS window_agent_classes_as_of AS
SELECT `model_id`, `release`, `activation`, `agent_id`, `known_at`, `class`, `outcome`, `change_id`, `changed_at`, `outcome_at`, `caused`, `reason`, `depth`, `via`
FROM (SELECT * FROM window_agents FINAL WHERE known_at <= {known_at:DateTime64(3, 'UTC')} ORDER BY known_at DESC LIMIT 1 BY model_id, release, activation, agent_id, class)
WHERE NOT void
COMMENT 'Agents of windows as known at {known_at}, as far as revisions were written by then: the latest revision of each.';

CREATE VIEW IF NOT EXISTS incident_reports
(
  `model_id` String COMMENT 'The model.',
  `release` String COMMENT 'The flagged release.',
  `known_at` DateTime64(3, 'UTC') COMMENT 'The K this revision was computed for.',
  `state` LowCardinality(String) COMMENT 'active, contained, closed, reopened or withdrawn.',
  `activations` Array(UInt32) COMMENT 'The activations a flag covers.',
  `contained_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'End of the last covered activation. UTC.',
  `recovered_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'First time at which only unflagged releases had traffic again. UTC.',
  `linked` Array(String) COMMENT 'Releases restored by undoing a covered activation that are themselves flagged.'
)
AS SELECT `model_id`, `release`, `known_at`, `state`, `activations`, `contained_at`, `recovered_at`, `linked`
FROM (SELECT * FROM incident_rows FINAL ORDER BY known_at DESC LIMIT 1 BY model_id, release)
WHERE NOT void
COMMENT 'Incidents as known now: the latest revision of each.';

CREATE VIEW IF NOT EXISTS incident_reports_as_of AS
SELECT `model_id`, `release`, `known_at`, `state`, `activations`, `contained_at`, `recovered_at`, `linked`
FROM (SELECT * FROM incident_rows FINAL WHERE known_at <= {known_at:DateTime64(3, 'UTC')} ORDER BY known_at DESC LIMIT 1 BY model_id, release)
WHERE NOT void
COMMENT 'Incidents as known at {known_at}, as far as revisions were written by then: the latest revision of each.';
