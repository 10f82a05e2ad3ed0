-- migrate:up
SET LOCAL statement_timeout = '50ms';
SELECT pg_sleep(5);
-- migrate:down
SELECT 1;
