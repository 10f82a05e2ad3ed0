-- migrate:up
SET ROLE NONE;
CREATE TABLE of_none (n int);
-- migrate:down
DROP TABLE of_none;
