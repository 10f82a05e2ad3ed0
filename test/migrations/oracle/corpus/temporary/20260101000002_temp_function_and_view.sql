-- migrate:up
CREATE FUNCTION pg_temp.add_one(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1';
CREATE TEMP VIEW seen AS SELECT * FROM from_scratch;
INSERT INTO from_scratch SELECT pg_temp.add_one(n) FROM seen;
DROP VIEW seen;
-- migrate:down
DELETE FROM from_scratch WHERE n > 3;
