-- migrate:up
CREATE TABLE after_reset (n int);
-- migrate:down
DROP TABLE after_reset;
