-- migrate:up transaction:false
CREATE TABLE first_of_two (n int);
CREATE TABLE second_of_two (n int);
-- migrate:down transaction:false
DROP TABLE second_of_two;
DROP TABLE first_of_two;
