CREATE TABLE never (n int);
-- migrate:up
CREATE TABLE below (n int);
-- migrate:down
DROP TABLE below;
