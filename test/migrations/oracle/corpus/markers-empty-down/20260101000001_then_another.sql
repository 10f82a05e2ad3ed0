-- migrate:up
CREATE TABLE after_empty_down (n int);
-- migrate:down
DROP TABLE after_empty_down;
