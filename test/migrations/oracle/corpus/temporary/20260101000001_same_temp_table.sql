-- migrate:up
CREATE TEMP TABLE scratch (n int) ON COMMIT DROP;
INSERT INTO scratch VALUES (3);
INSERT INTO from_scratch SELECT * FROM scratch;
-- migrate:down
DELETE FROM from_scratch WHERE n = 3;
