-- What the registry tells of itself, and whom. An event's row is written with the change that it tells of; the queue only carries
-- it, so that whatever the queue loses is found here again. Times are milliseconds since the epoch.

-- Outbox and feed in one. `settled_at` is null until every endpoint that wants the event has it, or has a delivery of it; until then
-- the event is sent again from `due_at` on. `seq` never comes twice, so that a reader can go on where it stopped.
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

-- Endpoints that the administration API manages; those of the WEBHOOKS variable are not here, and their id is `var:<name>`.
-- `config` is the endpoint as it was written, without its secrets; `secrets` is null where nothing is signed.
CREATE TABLE webhooks (
  id         TEXT    NOT NULL PRIMARY KEY,
  name       TEXT    NOT NULL UNIQUE,
  config     TEXT    NOT NULL,
  secrets    TEXT,
  disabled   INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) WITHOUT ROWID;

-- The circuit breaker of each endpoint, of both kinds; no row is an endpoint that did not fail.
CREATE TABLE endpoint_states (
  endpoint   TEXT    NOT NULL PRIMARY KEY,
  failures   INTEGER NOT NULL,
  open_until INTEGER,
  updated_at INTEGER NOT NULL
) WITHOUT ROWID;

-- One event for one endpoint. `event` is kept for as long as it is to be sent; `next_at` is when. `first_at` is when the delivery
-- was due at first, `status`, `ms`, `error` and `excerpt` are of the last attempt.
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

-- Deliveries that were given up, and why.
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

-- An endpoint goes with all that was kept of it.
CREATE TRIGGER webhooks_deleted AFTER DELETE ON webhooks BEGIN
  DELETE FROM endpoint_states WHERE endpoint = old.id;
  DELETE FROM deliveries WHERE endpoint = old.id;
  DELETE FROM dead_letters WHERE endpoint = old.id;
END;
