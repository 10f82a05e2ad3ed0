-- migrate:up
CREATE TEMP TABLE scratch (n int) ON COMMIT DROP;
INSERT INTO scratch VALUES (1), (2);
CREATE TABLE from_scratch AS SELECT * FROM scratch;
-- migrate:down
DROP TABLE from_scratch;
