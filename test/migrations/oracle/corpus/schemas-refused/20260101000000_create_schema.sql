-- migrate:up
CREATE SCHEMA other;
CREATE TABLE other.t (n int);
-- migrate:down
DROP SCHEMA other CASCADE;
