-- migrate:up
INSERT INTO seen_versions SELECT version FROM schema_migrations;
-- migrate:down
DELETE FROM seen_versions WHERE true;
