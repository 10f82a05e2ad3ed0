-- migrate:up
CREATE TYPE pair AS (a int, b int);
CREATE FUNCTION pair_to_text(pair) RETURNS text LANGUAGE sql IMMUTABLE RETURN ($1).a || ';' || ($1).b;
CREATE CAST (pair AS text) WITH FUNCTION pair_to_text(pair) AS ASSIGNMENT;
CREATE FUNCTION pair_sum(pair, pair) RETURNS pair LANGUAGE sql IMMUTABLE
  RETURN ROW(($1).a + ($2).a, ($1).b + ($2).b)::pair;
CREATE OPERATOR @+@ (LEFTARG = pair, RIGHTARG = pair, FUNCTION = pair_sum, COMMUTATOR = @+@);
CREATE AGGREGATE sum_of_pairs (pair) (SFUNC = pair_sum, STYPE = pair, INITCOND = '(0,0)');
CREATE TABLE sums AS SELECT sum_of_pairs(ROW(n, 2 * n)::pair) AS total FROM generate_series(1, 3) n;

-- migrate:down
DROP TABLE sums;
DROP AGGREGATE sum_of_pairs (pair);
DROP OPERATOR @+@ (pair, pair);
DROP FUNCTION pair_sum;
DROP CAST (pair AS text);
DROP FUNCTION pair_to_text;
DROP TYPE pair;
