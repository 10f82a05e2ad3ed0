-- Copyright: nobody
-- A head; with a semicolon.

-- migrate:up
CREATE TABLE headed (n int);

-- migrate:down
DROP TABLE headed;
