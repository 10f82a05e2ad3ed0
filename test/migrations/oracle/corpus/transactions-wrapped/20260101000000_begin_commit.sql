-- migrate:up
BEGIN;
CREATE TABLE wrapped (n int);
COMMIT;
-- migrate:down
BEGIN;
DROP TABLE wrapped;
COMMIT;
