-- migrate:up
CREATE TABLE half_done (n int);
COMMIT;
BEGIN;
CREATE TABLE other_half (n int);
-- migrate:down
DROP TABLE other_half, half_done;
