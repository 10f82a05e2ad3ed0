-- migrate:up
CREATE TABLE typed (n int);
INSERT INTO typed VALUES ('x');
-- migrate:down
DROP TABLE typed;
