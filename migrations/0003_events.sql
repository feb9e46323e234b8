-- The events of the registry, and their deliveries to endpoints. The row of an event is written in the same transaction as the
-- change. The queue only carries events, so an event that the queue loses is still here. Times are milliseconds since the epoch.

-- Outbox and feed in one table. The column settled_at is null until every endpoint that wants the event has received it, or has a
-- row in deliveries. Until then the event is sent again from due_at on. A seq is never used twice, so a reader can continue after
-- it.
CREATE TABLE events (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  id         TEXT    NOT NULL UNIQUE,
  at         INTEGER NOT NULL,
  action     TEXT    NOT NULL,
  repository TEXT    NOT NULL,
  event      TEXT    NOT NULL,
  due_at     INTEGER NOT NULL,
  settled_at INTEGER
);
CREATE INDEX events_unsettled ON events (due_at) WHERE settled_at IS NULL;
CREATE INDEX events_settled ON events (at) WHERE settled_at IS NOT NULL;

-- Endpoints that are managed through the administration API. Endpoints of the variable WEBHOOKS are not here. Their id is var:NAME.
-- The column config is the endpoint as written, without its secrets. The column secrets is null if nothing is signed.
CREATE TABLE webhooks (
  id         TEXT    NOT NULL PRIMARY KEY,
  name       TEXT    NOT NULL UNIQUE,
  config     TEXT    NOT NULL,
  secrets    TEXT,
  disabled   INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) WITHOUT ROWID;

-- The circuit breaker of each endpoint of both kinds. An endpoint that never failed has no row.
CREATE TABLE endpoint_states (
  endpoint   TEXT    NOT NULL PRIMARY KEY,
  failures   INTEGER NOT NULL,
  open_until INTEGER,
  updated_at INTEGER NOT NULL
) WITHOUT ROWID;

-- One event for one endpoint. The column event is kept until the event is sent. The next attempt is due at next_at. The first
-- attempt was due at first_at. The columns status, ms, error and excerpt describe the last attempt.
CREATE TABLE deliveries (
  event_id   TEXT    NOT NULL,
  endpoint   TEXT    NOT NULL,
  state      TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
  action     TEXT    NOT NULL,
  repository TEXT    NOT NULL,
  event      TEXT,
  attempts   INTEGER NOT NULL,
  first_at   INTEGER NOT NULL,
  next_at    INTEGER,
  status     INTEGER,
  ms         INTEGER,
  error      TEXT,
  excerpt    TEXT,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (event_id, endpoint),
  CHECK ((state = 'pending') = (event IS NOT NULL) AND (state = 'pending') = (next_at IS NOT NULL))
);
CREATE INDEX deliveries_overdue ON deliveries (next_at) WHERE state = 'pending';
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint, state, updated_at);

-- Deliveries that were given up, and the reason.
CREATE TABLE dead_letters (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  endpoint    TEXT    NOT NULL,
  event_id    TEXT    NOT NULL,
  event       TEXT    NOT NULL,
  error       TEXT    NOT NULL,
  attempts    INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  replayed_at INTEGER
);
CREATE INDEX dead_letters_by_endpoint ON dead_letters (endpoint, id);
CREATE INDEX dead_letters_to_replay ON dead_letters (endpoint, at) WHERE replayed_at IS NULL;
CREATE INDEX dead_letters_by_time ON dead_letters (at);

-- Deleting an endpoint deletes all its rows. A database made before these files were rewritten has one trigger webhooks_deleted
-- with the same three statements.
CREATE TRIGGER webhooks_deleted_endpoint_states AFTER DELETE ON webhooks BEGIN DELETE FROM endpoint_states WHERE endpoint = old.id; END;
CREATE TRIGGER webhooks_deleted_deliveries AFTER DELETE ON webhooks BEGIN DELETE FROM deliveries WHERE endpoint = old.id; END;
CREATE TRIGGER webhooks_deleted_dead_letters AFTER DELETE ON webhooks BEGIN DELETE FROM dead_letters WHERE endpoint = old.id; END;
