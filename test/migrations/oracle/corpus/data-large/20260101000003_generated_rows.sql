-- migrate:up
CREATE TABLE numbers AS SELECT n, md5(n::text) AS t FROM generate_series(1, 20000) n;
CREATE INDEX numbers_t ON numbers (t);
ANALYZE numbers;
-- migrate:down
DROP TABLE numbers;
