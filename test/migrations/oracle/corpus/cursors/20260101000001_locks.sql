-- migrate:up
LOCK TABLE fetched IN ACCESS EXCLUSIVE MODE;
SELECT pg_advisory_xact_lock(1);
INSERT INTO fetched VALUES (3);
NOTIFY channel, 'it''s done';
LISTEN channel;
UNLISTEN channel;
-- migrate:down
DELETE FROM fetched WHERE n = 3;
