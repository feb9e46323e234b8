-- Tokens that were issued for an account carry its session number. A new number ends all of them. These triggers increment it on a
-- password change and on disabling, so that no statement can forget it. An account begins with a random number, so that tokens of a
-- deleted account are not valid for a later account of the same name. Accounts from before this file have 0.
ALTER TABLE accounts ADD COLUMN session INTEGER NOT NULL DEFAULT 0;
CREATE TRIGGER accounts_session_begun AFTER INSERT ON accounts BEGIN UPDATE accounts SET session = random() & 281474976710655 WHERE id = new.id; END;
CREATE TRIGGER accounts_session_ended AFTER UPDATE OF password_hash, disabled ON accounts WHEN new.password_hash IS NOT old.password_hash OR new.disabled > old.disabled BEGIN UPDATE accounts SET session = session + 1 WHERE id = new.id; END;
