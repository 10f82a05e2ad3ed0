-- migrate:up
CREATE UNLOGGED TABLE volatile_rows (n int);
INSERT INTO volatile_rows VALUES (1);
ALTER TABLE fetched SET UNLOGGED;
ALTER TABLE fetched SET LOGGED;
CREATE TABLE typed_table OF pg_catalog.pg_type;
-- migrate:down
DROP TABLE volatile_rows;
