-- migrate:up
INSERT INTO good VALUES (1);
CREATE TABLE lost (n int);
INSERT INTO good VALUES (1);
-- migrate:down
DELETE FROM good;
