-- migrate:up
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN n * 2;
CREATE FUNCTION old_style(text, VARIADIC numbers int[] DEFAULT '{}') RETURNS text STABLE STRICT LANGUAGE sql
  AS $$ SELECT $1 || array_to_string($2, ',') $$;
CREATE OR REPLACE FUNCTION table_of(OUT a int, OUT b text) RETURNS SETOF record LANGUAGE plpgsql COST 10 ROWS 5 AS $fn$
BEGIN
  FOR a, b IN SELECT 1, 'x;y' UNION ALL SELECT 2, '$$' LOOP
    RETURN NEXT;
  END LOOP;
END
$fn$;
CREATE FUNCTION as_table() RETURNS TABLE (n int, doubled int) LANGUAGE sql
BEGIN ATOMIC
  SELECT g, CASE WHEN g > 1 THEN twice(g) ELSE 0 END FROM generate_series(1, 3) g;
END;
CREATE TABLE answers AS SELECT twice(21) AS n, old_style('a', 1, 2) AS t, (SELECT count(*) FROM table_of()) AS c;

-- migrate:down
DROP TABLE answers;
DROP FUNCTION as_table();
DROP FUNCTION table_of();
DROP FUNCTION old_style(text, int[]);
DROP FUNCTION twice(int);
