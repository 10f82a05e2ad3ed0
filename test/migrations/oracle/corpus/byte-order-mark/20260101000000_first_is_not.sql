-- migrate:up
CREATE TABLE not_marked (n int);
-- migrate:down
DROP TABLE not_marked;
