-- migrate:up
CREATE TABLE base (id int PRIMARY KEY);
-- migrate:down
DROP TABLE base;
