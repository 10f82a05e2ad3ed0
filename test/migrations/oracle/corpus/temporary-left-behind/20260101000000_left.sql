-- migrate:up
CREATE TEMP TABLE left_behind (n int);
-- migrate:down
SELECT 1;
