-- migrate:up
\set n 1
CREATE TABLE psql_set (n int);
-- migrate:down
DROP TABLE psql_set;
