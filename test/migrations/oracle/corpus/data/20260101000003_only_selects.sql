-- migrate:up
SELECT count(*) FROM stock;
SELECT pg_sleep(0);
WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 10) SELECT sum(n) FROM t;
EXPLAIN SELECT 1;
SHOW server_version;
-- migrate:down
SELECT 1;
