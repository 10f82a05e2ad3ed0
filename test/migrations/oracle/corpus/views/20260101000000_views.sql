-- migrate:up
CREATE TABLE sales (day date, amount int);
INSERT INTO sales SELECT date '2026-01-01' + n, n FROM generate_series(0, 9) n;
CREATE VIEW recent WITH (security_barrier, security_invoker = true) AS SELECT * FROM sales WHERE day > '2026-01-05' WITH LOCAL CHECK OPTION;
CREATE RECURSIVE VIEW counting (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counting WHERE n < 3;
CREATE VIEW by_day (on_day, sum_of_day) AS SELECT day, sum(amount) FROM sales GROUP BY day;
INSERT INTO recent VALUES ('2026-02-01', 5);
COMMENT ON VIEW recent IS 'of late';
-- migrate:down
DROP VIEW by_day, counting, recent;
DROP TABLE sales;
