-- migrate:up
INSERT INTO nonconforming VALUES ('a\\b');
-- migrate:down
DELETE FROM nonconforming;
