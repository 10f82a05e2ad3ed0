-- migrate:up
ALTER TABLE is_not_there ADD COLUMN n int;
-- migrate:down
SELECT 1;
