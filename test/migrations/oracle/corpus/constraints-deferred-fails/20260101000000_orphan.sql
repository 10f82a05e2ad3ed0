-- migrate:up
CREATE TABLE mothers (id int PRIMARY KEY);
CREATE TABLE orphans (mother int REFERENCES mothers DEFERRABLE INITIALLY DEFERRED);
-- migrate:down
DROP TABLE orphans, mothers;
