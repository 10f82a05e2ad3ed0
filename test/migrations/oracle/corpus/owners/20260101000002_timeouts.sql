-- migrate:up
CREATE TABLE timeouts AS SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement;
-- migrate:down
DROP TABLE timeouts;
