-- Alerts: what the alert service found, and which of it the alerts topic holds.

CREATE TABLE IF NOT EXISTS alert_rows
(
  `model_id` String COMMENT 'The model concerned.',
  `kind` LowCardinality(String) COMMENT 'SETTLED_ON_FLAGGED, FLAGGED_REACTIVATED or STALE_SERVING.',
  `release` String COMMENT 'The flagged release.',
  `subject` String COMMENT 'What it is about. SETTLED_ON_FLAGGED: payment id. FLAGGED_REACTIVATED: start of the activation. STALE_SERVING: activation number.',
  `alert_id` String COMMENT 'SHA-256 of kind|model|release|subject in hex: the same for ever.',
  `raised_at` DateTime64(3, 'UTC') COMMENT 'Knowledge time at which it first became true.',
  `retroactive` Bool COMMENT 'SETTLED_ON_FLAGGED: every flag that covers the payment was appended after its settlement was. As it was when raised.',
  `late` Bool COMMENT 'SETTLED_ON_FLAGGED: the payment settled after the activation of a tainted part had ended. As it was when raised.',
  `severity` Nullable(String) COMMENT 'Severity of the first flag that covered it when it was raised and has one.',
  `states` Array(Tuple(state String, changed_at DateTime64(3, 'UTC'))) COMMENT 'firing, resolved, firing ... with the knowledge time since when, oldest first.',
  `void` Bool COMMENT 'True when it turned out never to have been true, as its records were read in another order than appended: the views leave it out.',
  `version` UInt64 COMMENT 'Records applied to all input topics when it was judged: of two rows the one that rests on more holds.',
  `written_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When ClickHouse had this row, by its clock: whoever follows the alerts reads on from there.',
  INDEX by_written_at written_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (model_id, kind, release, subject)
SETTINGS index_granularity = 1024
COMMENT 'Every alert with all its states, one row an alert; the views alerts and alerts_as_of say what it is now and was at any K.';

CREATE TABLE IF NOT EXISTS alert_message_rows
(
  `alert_id` String COMMENT 'The alert.',
  `partition` UInt32 COMMENT 'Partition of the alerts topic.',
  `offset` UInt64 COMMENT 'Offset in the alerts topic.',
  `state` LowCardinality(String) COMMENT 'firing or resolved.',
  `changed_at` DateTime64(3, 'UTC') COMMENT 'Knowledge time at which the alert took this state.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'When the alerts topic had the message.'
)
ENGINE = ReplacingMergeTree
ORDER BY (alert_id, partition, offset)
SETTINGS index_granularity = 1024
COMMENT 'What the alerts topic holds: every state of an alert is sent once.';

CREATE VIEW IF NOT EXISTS alert_messages
(
  `alert_id` String COMMENT 'The alert.',
  `partition` UInt32 COMMENT 'Partition of the alerts topic.',
  `offset` UInt64 COMMENT 'Offset in the alerts topic.',
  `state` LowCardinality(String) COMMENT 'firing or resolved.',
  `changed_at` DateTime64(3, 'UTC') COMMENT 'Knowledge time at which the alert took this state.',
  `appended_at` DateTime64(3, 'UTC') COMMENT 'When the alerts topic had the message.'
)
AS SELECT `alert_id`, `partition`, `offset`, `state`, `changed_at`, `appended_at` FROM alert_message_rows FINAL
COMMENT 'What the alerts topic holds, each message once.';

CREATE VIEW IF NOT EXISTS alerts_as_of AS
SELECT
  alert_id, kind, model_id, release, subject, severity, raised_at, retroactive, late,
  arrayLast(s -> s.changed_at <= {known_at:DateTime64(3, 'UTC')}, states) AS said,
  said.state AS state, said.changed_at AS changed_at
FROM alert_rows FINAL
WHERE NOT void AND raised_at <= {known_at:DateTime64(3, 'UTC')}
COMMENT 'Alerts with the state they had, as known at {known_at}.';

CREATE VIEW IF NOT EXISTS alerts
(
  `alert_id` String COMMENT 'SHA-256 of kind|model|release|subject in hex: the same for ever.',
  `kind` LowCardinality(String) COMMENT 'SETTLED_ON_FLAGGED, FLAGGED_REACTIVATED or STALE_SERVING.',
  `model_id` String COMMENT 'The model concerned.',
  `release` String COMMENT 'The flagged release.',
  `subject` String COMMENT 'Payment id, start of the activation, or activation number, by kind.',
  `severity` Nullable(String) COMMENT 'Severity of the flag, where it has one.',
  `raised_at` DateTime64(3, 'UTC') COMMENT 'Knowledge time at which it first became true.',
  `state` String COMMENT 'firing or resolved.',
  `changed_at` DateTime64(3, 'UTC') COMMENT 'Since when it is in this state.',
  `retroactive` Bool COMMENT 'The flags came after the settlement. As it was when raised.',
  `late` Bool COMMENT 'The settlement came after the end of the activation. As it was when raised.'
)
AS SELECT `alert_id`, `kind`, `model_id`, `release`, `subject`, `severity`, `raised_at`, `state`, `changed_at`, `retroactive`, `late`
FROM alerts_as_of(known_at = toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))
COMMENT 'Alerts with the state they are in now.';

CREATE VIEW IF NOT EXISTS alert_states
(
  `alert_id` String COMMENT 'The alert.',
  `kind` LowCardinality(String) COMMENT 'SETTLED_ON_FLAGGED, FLAGGED_REACTIVATED or STALE_SERVING.',
  `model_id` String COMMENT 'The model concerned.',
  `release` String COMMENT 'The flagged release.',
  `subject` String COMMENT 'Payment id, start of the activation, or activation number, by kind.',
  `state` String COMMENT 'firing or resolved.',
  `changed_at` DateTime64(3, 'UTC') COMMENT 'Knowledge time at which it took this state.'
)
AS SELECT alert_id, kind, model_id, release, subject, s.state AS state, s.changed_at AS changed_at
FROM (SELECT alert_id, kind, model_id, release, subject, states FROM alert_rows FINAL WHERE NOT void)
ARRAY JOIN states AS s
COMMENT 'Every state that every alert was ever in.';
