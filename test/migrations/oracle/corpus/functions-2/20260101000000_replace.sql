-- migrate:up
CREATE FUNCTION total() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE VIEW totals AS SELECT total();

-- migrate:down
DROP VIEW totals;
DROP FUNCTION total();
