-- Access rights. A grant gives a principal actions on the repositories of a pattern. Accounts log in with a password or with access
-- tokens. CI jobs log in with an ID token that a trust rule accepts. Times are milliseconds since the epoch.

-- The column password_hash is null for a robot, which has access tokens only.
CREATE TABLE accounts (
  id            INTEGER PRIMARY KEY,
  name          TEXT    NOT NULL UNIQUE,
  password_hash TEXT,
  disabled      INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
  created_at    INTEGER NOT NULL
);

-- Only the SHA-256 of a secret is kept (hex). A limited token may do what both its own grants and those of its owner allow. Any
-- other token may do everything that its owner may. A limited token stays limited when its last grant is removed.
CREATE TABLE access_tokens (
  id           TEXT    NOT NULL PRIMARY KEY,
  account_id   INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name         TEXT    NOT NULL,
  secret_hash  TEXT    NOT NULL UNIQUE,
  limited      INTEGER NOT NULL CHECK (limited IN (0, 1)),
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER,
  last_used_at INTEGER,
  revoked_at   INTEGER,
  UNIQUE (account_id, name)
) WITHOUT ROWID;

-- A rule accepts the ID tokens of an issuer for an audience whose claims meet every condition in the column claims, which is a
-- JSON object of claim names and patterns.
CREATE TABLE trust_rules (
  id         INTEGER PRIMARY KEY,
  name       TEXT    NOT NULL UNIQUE,
  issuer     TEXT    NOT NULL,
  audience   TEXT    NOT NULL,
  claims     TEXT    NOT NULL,
  created_at INTEGER NOT NULL
);
CREATE INDEX trust_rules_by_issuer ON trust_rules (issuer);

-- The principal is the name of an account, the id of a token or the name of a trust rule. It is empty for the kinds authenticated
-- (every caller with an account) and anonymous (everybody). The column actions is a JSON array.
CREATE TABLE grants (
  id             INTEGER PRIMARY KEY,
  principal_kind TEXT    NOT NULL
    CHECK (principal_kind IN ('account', 'token', 'trust', 'authenticated', 'anonymous')),
  principal      TEXT    NOT NULL,
  pattern        TEXT    NOT NULL,
  actions        TEXT    NOT NULL,
  created_at     INTEGER NOT NULL,
  UNIQUE (principal_kind, principal, pattern)
);

-- A new account, token or rule with a reused name must not get the grants of the former one.
CREATE TRIGGER accounts_deleted AFTER DELETE ON accounts BEGIN DELETE FROM grants WHERE principal_kind = 'account' AND principal = old.name; END;
CREATE TRIGGER access_tokens_deleted AFTER DELETE ON access_tokens BEGIN DELETE FROM grants WHERE principal_kind = 'token' AND principal = old.id; END;
CREATE TRIGGER trust_rules_deleted AFTER DELETE ON trust_rules BEGIN DELETE FROM grants WHERE principal_kind = 'trust' AND principal = old.name; END;

-- The keys that sign bearer tokens, as private JWKs. The newest key signs. An older key is accepted until the last token that it
-- signed has expired.
CREATE TABLE token_keys (
  kid        TEXT    NOT NULL PRIMARY KEY,
  jwk        TEXT    NOT NULL,
  created_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Every change made through the administration API. The row is written in the same transaction as the change.
CREATE TABLE audit (
  id         INTEGER PRIMARY KEY,
  at         INTEGER NOT NULL,
  actor      TEXT    NOT NULL,
  address    TEXT    NOT NULL,
  request_id TEXT    NOT NULL,
  action     TEXT    NOT NULL,
  target     TEXT    NOT NULL,
  detail     TEXT    NOT NULL
);
