-- migrate:up
CREATE TABLE plan (id bigint PRIMARY KEY, name text);
CREATE TABLE applied (id bigint);
CREATE TABLE mismatch (id bigint);

-- migrate:down
DROP TABLE plan, applied, mismatch;
