-- migrate:up
INSERT INTO guarded VALUES (1);

-- migrate:down
SELECT 1;
