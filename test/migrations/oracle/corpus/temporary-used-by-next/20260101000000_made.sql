-- migrate:up
CREATE TEMP TABLE handed_on AS SELECT 1 AS n;
-- migrate:down
SELECT 1;
