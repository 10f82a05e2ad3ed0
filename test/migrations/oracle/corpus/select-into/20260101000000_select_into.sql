-- migrate:up
SELECT 1 AS n INTO selected;
-- migrate:down
DROP TABLE selected;
