-- migrate:up
CREATE TABLE slices AS SELECT (ARRAY[1, 2, 3])[1:2] AS s, '1'::int AS c, (ARRAY[1,2,3])[:2] AS t;
SELECT 1 AS ":x", ':y', now()::date;
-- migrate:down
DROP TABLE slices;
