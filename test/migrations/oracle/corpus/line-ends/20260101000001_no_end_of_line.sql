-- migrate:up
CREATE TABLE no_end (n int);
-- migrate:down
DROP TABLE no_end