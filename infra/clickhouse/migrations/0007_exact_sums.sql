-- A sum of amounts may be more than any one amount can be, and UInt256 would wrap: such a sum is null.

ALTER TABLE window_rows MODIFY COLUMN `amount_work` Nullable(UInt256) COMMENT 'Sum of the parts for its work. Null: more than a UInt256 holds; `backtrail ask payments` has it exactly.';

ALTER TABLE window_rows MODIFY COLUMN `amount_possible` Nullable(UInt256) COMMENT 'Sum of the parts that may be for its work. Null: more than a UInt256 holds; `backtrail ask payments` has it exactly.';

ALTER TABLE window_rows MODIFY COLUMN `amount_late` Nullable(UInt256) COMMENT 'Sum of the parts for its work that settled after its end. Null: more than a UInt256 holds; `backtrail ask payments` has it exactly.';

CREATE OR REPLACE VIEW windows
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
