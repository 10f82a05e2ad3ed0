-- migrate:up
ALTER TABLE transfers RENAME TO payments;
ALTER TABLE payments RENAME CONSTRAINT to_account TO payments_payee;
ALTER INDEX transfers_once RENAME TO payments_once;
ALTER TABLE payments SET (fillfactor = 70, autovacuum_enabled = false);
ALTER TABLE payments REPLICA IDENTITY FULL;
ALTER TABLE payments CLUSTER ON transfers_pkey;

-- migrate:down
ALTER TABLE payments SET WITHOUT CLUSTER;
ALTER TABLE payments REPLICA IDENTITY DEFAULT;
ALTER TABLE payments RESET (fillfactor, autovacuum_enabled);
ALTER INDEX payments_once RENAME TO transfers_once;
ALTER TABLE payments RENAME CONSTRAINT payments_payee TO to_account;
ALTER TABLE payments RENAME TO transfers;
