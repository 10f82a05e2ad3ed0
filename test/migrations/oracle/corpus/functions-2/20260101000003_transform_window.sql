-- migrate:up
CREATE TABLE series AS SELECT n, sum(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s
  FROM generate_series(1, 5) n;
CREATE FUNCTION recurse(n int) RETURNS int LANGUAGE plpgsql AS $f$
DECLARE r int := 0;
BEGIN
  IF n > 0 THEN r := n + recurse(n - 1); END IF;
  RETURN r;
END $f$;
UPDATE series SET s = recurse(n);

-- migrate:down
DROP FUNCTION recurse;
DROP TABLE series;
