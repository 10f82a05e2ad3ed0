-- migrate:up
CREATE TEMP TABLE left_behind (n int);
CREATE TABLE of_it AS SELECT * FROM left_behind;
-- migrate:down
DROP TABLE of_it;
