-- migrate:up
CREATE ROLE reporting NOLOGIN;
-- migrate:down
DROP ROLE reporting;
