-- migrate:up
CREATE TABLE copied (id int, t text);
COPY copied (id, t) FROM stdin WITH (FORMAT csv);
1,one
\.
-- migrate:down
DROP TABLE copied;
