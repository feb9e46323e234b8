-- Failed logins are counted in the audit log, in one row for each hour, network and name.
CREATE UNIQUE INDEX audit_failed_logins ON audit (at, address, target) WHERE action = 'login.failed';
