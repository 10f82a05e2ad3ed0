-- migrate:up
CREATE TABLE left_side (id int PRIMARY KEY);
CREATE TABLE right_side (l int REFERENCES left_side DEFERRABLE);
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO right_side VALUES (1);
INSERT INTO left_side VALUES (1);
SET CONSTRAINTS right_side_l_fkey IMMEDIATE;
ALTER TABLE right_side ADD COLUMN n int;
-- migrate:down
DROP TABLE right_side, left_side;
