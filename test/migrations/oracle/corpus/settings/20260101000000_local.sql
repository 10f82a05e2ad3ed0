-- migrate:up
SET LOCAL lock_timeout = '5s';
SET LOCAL work_mem TO '8MB';
SET LOCAL ROLE settlement_owner;
CREATE TABLE with_settings AS SELECT current_setting('work_mem') AS m, current_user AS u;
RESET work_mem;
-- migrate:down
DROP TABLE with_settings;
