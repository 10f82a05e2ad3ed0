-- migrate:up
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n, sum(amount) AS amount FROM sales;
CREATE MATERIALIZED VIEW later AS SELECT * FROM sales WITH NO DATA;
CREATE UNIQUE INDEX totals_n ON totals (n);
INSERT INTO sales VALUES ('2026-03-01', 100);
REFRESH MATERIALIZED VIEW totals;
-- migrate:down
DROP MATERIALIZED VIEW later, totals;
DELETE FROM sales WHERE amount = 100;
