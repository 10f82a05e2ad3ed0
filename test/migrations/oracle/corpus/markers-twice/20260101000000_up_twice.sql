-- migrate:up
CREATE TABLE first_up (n int);
-- migrate:up
CREATE TABLE second_up (n int);
-- migrate:down
DROP TABLE IF EXISTS first_up, second_up;
