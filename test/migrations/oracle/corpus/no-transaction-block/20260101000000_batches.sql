-- migrate:up
CREATE TABLE batches (n int, filled boolean);
INSERT INTO batches SELECT n FROM generate_series(1, 25) n;
-- migrate:down
DROP TABLE batches;
