-- migrate:up
CREATE TABLE where_am_i AS SELECT 1 AS n;
-- migrate:down
DROP TABLE where_am_i;
