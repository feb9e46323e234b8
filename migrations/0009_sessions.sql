-- Tokens that were given out to an account carry its session number. A new number ends all of them.
-- A password change and disabling count it up here, so that no statement can forget it. An account begins with a random number,
-- so that the tokens of a deleted account are not those of a later one of the same name. Accounts made before this file have 0.
ALTER TABLE accounts ADD COLUMN session INTEGER NOT NULL DEFAULT 0;
CREATE TRIGGER accounts_session_begun AFTER INSERT ON accounts BEGIN UPDATE accounts SET session = random() & 281474976710655 WHERE id = new.id; END;
CREATE TRIGGER accounts_session_ended AFTER UPDATE OF password_hash, disabled ON accounts WHEN new.password_hash IS NOT old.password_hash OR new.disabled > old.disabled BEGIN UPDATE accounts SET session = session + 1 WHERE id = new.id; END;
