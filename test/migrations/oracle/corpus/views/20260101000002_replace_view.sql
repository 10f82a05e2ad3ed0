-- migrate:up
CREATE OR REPLACE VIEW by_day (on_day, sum_of_day, n) AS SELECT day, sum(amount), count(*) FROM sales GROUP BY day;
ALTER VIEW recent SET (security_barrier = false);
REFRESH MATERIALIZED VIEW CONCURRENTLY totals;
-- migrate:down
DROP VIEW by_day;
CREATE VIEW by_day (on_day, sum_of_day) AS SELECT day, sum(amount) FROM sales GROUP BY day;
ALTER VIEW recent SET (security_barrier = true);
