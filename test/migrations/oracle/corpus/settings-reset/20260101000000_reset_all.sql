-- migrate:up
CREATE TABLE before_reset (n int);
RESET ALL;
-- migrate:down
DROP TABLE before_reset;
