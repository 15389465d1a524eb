-- What waits, for whom it may concern: how old that is, is the age of `since`.

CREATE VIEW IF NOT EXISTS waiting_payments
(
  `payment_id` String COMMENT 'The payment.',
  `state` LowCardinality(String) COMMENT 'State by its latest record.',
  `amount` UInt256 COMMENT 'Its amount, in the smallest unit of the asset.',
  `asset` String COMMENT 'The asset paid in.',
  `network` String COMMENT 'The network it settles on, as CAIP-2 chain id.',
  `inference_ids` Array(String) COMMENT 'Inferences that it is split over and of which no record is known.',
  `session_id` Nullable(String) COMMENT 'The session of which no inference is known; null when it waits for inferences by id.',
  `since` DateTime64(3, 'UTC') COMMENT 'Since when it waits without a break, by the append time of the record that made it so.'
)
AS SELECT
  payment_id, state, amount, asset, network, waiting AS inference_ids,
  if(notEmpty(parts), NULL, session_id) AS session_id,
  assumeNotNull(waits_since) AS since
FROM payment_rows FINAL
WHERE NOT void AND waits_since IS NOT NULL
COMMENT 'Payments that name an inference, or a session, of which no record is known yet.';
