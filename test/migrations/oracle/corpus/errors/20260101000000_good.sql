-- migrate:up
CREATE TABLE good (id int PRIMARY KEY);
-- migrate:down
DROP TABLE good;
