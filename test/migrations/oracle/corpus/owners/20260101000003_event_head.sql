-- migrate:up
CREATE TABLE drop_me (n int);
DROP TABLE IF EXISTS drop_me, nothing_there CASCADE;
CREATE TABLE IF NOT EXISTS drop_me (n int);
CREATE TABLE IF NOT EXISTS drop_me (m int);
-- migrate:down
DROP TABLE IF EXISTS drop_me;
