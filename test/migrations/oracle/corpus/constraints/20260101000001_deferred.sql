-- migrate:up
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE children (parent int REFERENCES parents DEFERRABLE INITIALLY DEFERRED, n int UNIQUE DEFERRABLE);
INSERT INTO children VALUES (1, 1), (2, 2);
INSERT INTO parents VALUES (1), (2);
UPDATE children SET n = n + 1;
-- migrate:down
DROP TABLE children, parents;
