-- migrate:up
SET my.value = 'it''s';
SELECT set_config('my.other', '1', true);
CREATE TABLE variables AS SELECT current_setting('my.value') AS v, current_setting('my.other') AS o;
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
-- migrate:down
DROP TABLE variables;
