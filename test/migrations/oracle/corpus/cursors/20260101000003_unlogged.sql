-- migrate:up
CREATE UNLOGGED TABLE volatile_rows (n int);
INSERT INTO volatile_rows VALUES (1);
ALTER TABLE fetched SET UNLOGGED;
ALTER TABLE fetched SET LOGGED;
CREATE TYPE typed_row AS (a int, b text);
CREATE TABLE typed_table OF typed_row (a NOT NULL);
-- migrate:down
DROP TABLE typed_table;
DROP TYPE typed_row;
DROP TABLE volatile_rows;
