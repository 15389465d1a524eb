-- What happens with alerts: whom they were told to, who took them on, and which deliveries are silenced. Nothing here changes
-- an alert, and nothing is ever deleted: a silence is one of the delivery, not of the record.

CREATE TABLE IF NOT EXISTS alert_delivery_rows
(
  `receiver` LowCardinality(String) COMMENT 'Name of the receiver in the configuration.',
  `model_id` String COMMENT 'The model concerned.',
  `release` String COMMENT 'The flagged release.',
  `alert_id` String COMMENT 'The alert.',
  `kind` LowCardinality(String) COMMENT 'Kind of the alert.',
  `subject` String COMMENT 'Subject of the alert.',
  `state` LowCardinality(String) COMMENT 'The state that it is about: firing or resolved.',
  `changed_at` DateTime64(3, 'UTC') COMMENT 'Knowledge time at which the alert took this state.',
  `outcome` LowCardinality(String) COMMENT 'delivered: in a notification that the receiver took. counted: in the number of those that such a notification did not list. silenced: held back. given_up: the receiver refused it. superseded: it passed before it was due.',
  `notification_id` String COMMENT 'Idempotency key of the notification; empty where none was sent.',
  `attempts` UInt32 COMMENT 'How often the notification was sent until then.',
  `reason` String COMMENT 'Why it was refused, or the silence that held it back.',
  `decided_at` DateTime64(3, 'UTC') COMMENT 'When this was the outcome.'
)
ENGINE = ReplacingMergeTree(decided_at)
ORDER BY (receiver, model_id, release, alert_id, changed_at, state, outcome, notification_id, reason)
SETTINGS index_granularity = 1024
COMMENT 'What became of every state of an alert at every receiver.';

CREATE TABLE IF NOT EXISTS alert_receiver_rows
(
  `receiver` String COMMENT 'Name of the receiver in the configuration.',
  `written_until` DateTime64(3, 'UTC') COMMENT 'All rows of alerts written before are decided on.',
  `silences_until` DateTime64(3, 'UTC') COMMENT 'What silences that ended before had held back was looked at again.',
  `updated_at` DateTime64(3, 'UTC') COMMENT 'When this was so.'
)
ENGINE = ReplacingMergeTree(updated_at)
ORDER BY receiver
COMMENT 'How far the delivery to each receiver is: after a restart it goes on from there.';

CREATE TABLE IF NOT EXISTS alert_ack_rows
(
  `alert_id` String COMMENT 'The alert.',
  `action` LowCardinality(String) COMMENT 'ack or unack.',
  `who` String COMMENT 'Who said so.',
  `why` String COMMENT 'What they said.',
  `handled_at` DateTime64(3, 'UTC') COMMENT 'When they said it.'
)
ENGINE = MergeTree
ORDER BY (alert_id, handled_at)
SETTINGS index_granularity = 1024
COMMENT 'Who took on which alert, and who gave it back. Nothing is ever taken out.';

CREATE TABLE IF NOT EXISTS alert_silence_rows
(
  `silence_id` String COMMENT 'The silence.',
  `action` LowCardinality(String) COMMENT 'silence, or unsilence, which ends it before its time.',
  `model_id` String COMMENT 'Alerts of this model.',
  `release` Nullable(String) COMMENT 'Only of this release.',
  `kind` LowCardinality(Nullable(String)) COMMENT 'Only of this kind.',
  `severity` Nullable(String) COMMENT 'Only of this severity.',
  `until` DateTime64(3, 'UTC') COMMENT 'silence: until when. unsilence: when it ended.',
  `who` String COMMENT 'Who said so.',
  `why` String COMMENT 'What they said.',
  `handled_at` DateTime64(3, 'UTC') COMMENT 'When they said it, and from when on it holds.'
)
ENGINE = MergeTree
ORDER BY (silence_id, handled_at)
COMMENT 'Silences of the delivery of alerts. Nothing is ever taken out.';

CREATE VIEW IF NOT EXISTS alert_deliveries
(
  `receiver` LowCardinality(String) COMMENT 'Name of the receiver in the configuration.',
  `alert_id` String COMMENT 'The alert.',
  `kind` LowCardinality(String) COMMENT 'Kind of the alert.',
  `model_id` String COMMENT 'The model concerned.',
  `release` String COMMENT 'The flagged release.',
  `subject` String COMMENT 'Subject of the alert.',
  `state` LowCardinality(String) COMMENT 'The state that it is about: firing or resolved.',
  `changed_at` DateTime64(3, 'UTC') COMMENT 'Knowledge time at which the alert took this state.',
  `outcome` LowCardinality(String) COMMENT 'delivered, counted (not listed in a notification, but in its number of further ones), silenced, given_up (refused) or superseded (passed before it was due).',
  `notification_id` String COMMENT 'Idempotency key of the notification; empty where none was sent.',
  `attempts` UInt32 COMMENT 'How often the notification was sent until then.',
  `reason` String COMMENT 'Why it was refused, or the silence that held it back.',
  `decided_at` DateTime64(3, 'UTC') COMMENT 'When this was the outcome.'
)
AS SELECT `receiver`, `alert_id`, `kind`, `model_id`, `release`, `subject`, `state`, `changed_at`, `outcome`, `notification_id`,
  `attempts`, `reason`, `decided_at`
FROM alert_delivery_rows FINAL
COMMENT 'What became of every state of an alert at every receiver.';

CREATE VIEW IF NOT EXISTS alert_receivers
(
  `receiver` String COMMENT 'Name of the receiver in the configuration.',
  `written_until` DateTime64(3, 'UTC') COMMENT 'All rows of alerts written before are decided on.',
  `updated_at` DateTime64(3, 'UTC') COMMENT 'When this was so.'
)
AS SELECT `receiver`, `written_until`, `updated_at` FROM alert_receiver_rows FINAL
COMMENT 'How far the delivery to each receiver is.';

CREATE VIEW IF NOT EXISTS alert_handlings
(
  `alert_id` String COMMENT 'The alert.',
  `action` LowCardinality(String) COMMENT 'ack or unack.',
  `who` String COMMENT 'Who said so.',
  `why` String COMMENT 'What they said.',
  `handled_at` DateTime64(3, 'UTC') COMMENT 'When they said it.'
)
AS SELECT `alert_id`, `action`, `who`, `why`, `handled_at` FROM alert_ack_rows
COMMENT 'Who took on which alert, and who gave it back: all that was ever said.';

CREATE VIEW IF NOT EXISTS alert_acks
(
  `alert_id` String COMMENT 'The alert.',
  `who` String COMMENT 'Who took it on.',
  `why` String COMMENT 'What they said.',
  `acked_at` DateTime64(3, 'UTC') COMMENT 'When they said it.'
)
AS SELECT alert_id, last.2 AS who, last.3 AS why, last.4 AS acked_at
FROM (
  SELECT alert_id, argMax((action, who, why, handled_at), (handled_at, action)) AS last FROM alert_ack_rows GROUP BY alert_id
)
WHERE last.1 = 'ack'
COMMENT 'Alerts that somebody has taken on, and the last who did.';

CREATE VIEW IF NOT EXISTS alert_silences
(
  `silence_id` String COMMENT 'The silence.',
  `model_id` String COMMENT 'Alerts of this model.',
  `release` Nullable(String) COMMENT 'Only of this release.',
  `kind` Nullable(String) COMMENT 'Only of this kind.',
  `severity` Nullable(String) COMMENT 'Only of this severity.',
  `from` DateTime64(3, 'UTC') COMMENT 'Since when it holds.',
  `until` DateTime64(3, 'UTC') COMMENT 'Until when it was to hold.',
  `ended_at` DateTime64(3, 'UTC') COMMENT 'When it ends: its time, or earlier if somebody ended it.',
  `who` String COMMENT 'Who silenced.',
  `why` String COMMENT 'What they said.',
  `ended_by` Nullable(String) COMMENT 'Who ended it before its time.',
  `ended_why` Nullable(String) COMMENT 'What they said.'
)
AS SELECT
  s.silence_id AS silence_id, s.model_id AS model_id, s.release AS release, CAST(s.kind, 'Nullable(String)') AS kind,
  s.severity AS severity, s.handled_at AS `from`, s.until AS until,
  if(e.ending.1 = '', s.until, least(s.until, e.ending.3)) AS ended_at, s.who AS who, s.why AS why,
  nullIf(e.ending.1, '') AS ended_by, if(e.ending.1 = '', NULL, e.ending.2) AS ended_why
FROM (SELECT * FROM alert_silence_rows WHERE action = 'silence') AS s
LEFT JOIN (
  SELECT silence_id, argMin((who, why, handled_at), handled_at) AS ending
  FROM alert_silence_rows WHERE action = 'unsilence' GROUP BY silence_id
) AS e ON e.silence_id = s.silence_id
SETTINGS join_use_nulls = 0
COMMENT 'Silences of the delivery of alerts, those that have ended included.';
