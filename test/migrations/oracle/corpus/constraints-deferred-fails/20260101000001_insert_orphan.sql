-- migrate:up
INSERT INTO orphans VALUES (1);
SELECT 'fails only at COMMIT';
-- migrate:down
DELETE FROM orphans;
