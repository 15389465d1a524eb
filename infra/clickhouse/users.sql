-- Four users of ClickHouse, each with what it needs and no more. An administrator runs this once, with passwords of his own
-- in place of 'change-me-...' (SHA-256 of them is what the server keeps):
--
--   clickhouse-client --queries-file infra/clickhouse/users.sql
--
--   who                     variables                                                    may
--   backtrail migrate       CLICKHOUSE_USER=backtrail_owner, CLICKHOUSE_PASSWORD_FILE    create and alter what is in the database
--   the services            CLICKHOUSE_USER=backtrail_service, CLICKHOUSE_PASSWORD_FILE  read and insert
--   ask, completeness, API  CLICKHOUSE_READER_USER=backtrail_reader,
--                           CLICKHOUSE_READER_PASSWORD_FILE                              read, within limits
--
-- `backtrail demo` and `scenario run --engine stack` make databases of their own: they are for a server without these users.

CREATE ROLE IF NOT EXISTS backtrail_owner_role;
GRANT SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP TABLE, DROP VIEW, TRUNCATE, OPTIMIZE
  ON backtrail.* TO backtrail_owner_role;

-- No ALTER, no DROP, no TRUNCATE: nothing that was said can be taken back by a service, whatever is wrong with it.
CREATE ROLE IF NOT EXISTS backtrail_service_role;
GRANT SHOW, SELECT, INSERT ON backtrail.* TO backtrail_service_role;

-- Views read with the rights of whoever asks, so the tables below them are readable too.
CREATE ROLE IF NOT EXISTS backtrail_reader_role;
GRANT SHOW, SELECT ON backtrail.* TO backtrail_reader_role;

-- A run is a database of its own; which ones there are, and what they restore, is rows of the live one.
CREATE ROLE IF NOT EXISTS backtrail_replay_role;
GRANT SHOW, SELECT, INSERT ON backtrail.* TO backtrail_replay_role;
GRANT SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP DATABASE, DROP TABLE, DROP VIEW
  ON backtrail_replay_*.* TO backtrail_replay_role;
GRANT SHOW, SELECT ON backtrail_replay_*.* TO backtrail_reader_role;

-- readonly = 2: the format and the limits of a question are settings of its request; 1 would forbid to send any. The MAX of
-- each is where the server says no, also to an analyst with a client of his own.
CREATE SETTINGS PROFILE IF NOT EXISTS backtrail_reader_profile SETTINGS
  readonly = 2,
  max_execution_time = 120 MIN 1 MAX 600,
  max_memory_usage = 4294967296 MIN 1 MAX 8589934592,
  max_result_rows = 10000000,
  max_concurrent_queries_for_user = 32
  TO backtrail_reader_role;

CREATE USER IF NOT EXISTS backtrail_owner IDENTIFIED WITH sha256_password BY 'change-me-owner';
GRANT backtrail_owner_role TO backtrail_owner;
CREATE USER IF NOT EXISTS backtrail_service IDENTIFIED WITH sha256_password BY 'change-me-service';
GRANT backtrail_service_role TO backtrail_service;
CREATE USER IF NOT EXISTS backtrail_reader IDENTIFIED WITH sha256_password BY 'change-me-reader';
GRANT backtrail_reader_role TO backtrail_reader;
CREATE USER IF NOT EXISTS backtrail_replay IDENTIFIED WITH sha256_password BY 'change-me-replay';
GRANT backtrail_replay_role TO backtrail_replay;
