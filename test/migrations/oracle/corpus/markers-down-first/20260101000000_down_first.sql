-- migrate:down
DROP TABLE upside_down;
-- migrate:up
CREATE TABLE upside_down (n int);
