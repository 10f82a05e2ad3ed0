-- migrate:up
CREATE TABLE emptied (id serial, n int);
INSERT INTO emptied (n) VALUES (1), (2);
TRUNCATE emptied RESTART IDENTITY CASCADE;
INSERT INTO emptied (n) VALUES (3);
VALUES (1), (2);
TABLE emptied;
-- migrate:down
DROP TABLE emptied;
