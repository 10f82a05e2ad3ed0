-- migrate:up
CREATE FUNCTION first_of(anyarray) RETURNS anyelement LANGUAGE sql IMMUTABLE AS 'SELECT $1[1]';
CREATE FUNCTION with_default(a int DEFAULT 1, b text DEFAULT 'x''y', c date DEFAULT '2026-01-01') RETURNS text
  LANGUAGE sql IMMUTABLE AS $$ SELECT a || b || c $$;
CREATE TABLE made AS SELECT first_of(ARRAY['p', 'q']) AS a, with_default(b => 'z') AS b;

-- migrate:down
DROP TABLE made;
DROP FUNCTION with_default, first_of;
