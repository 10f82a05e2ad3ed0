-- migrate:up
CREATE TABLE looks_like (t text);
INSERT INTO looks_like VALUES ('
\connect other
\i file.sql
\.
'), ($$
\copy t FROM stdin
$$);
/*
\d
*/
-- \q
-- migrate:down
DROP TABLE looks_like;
