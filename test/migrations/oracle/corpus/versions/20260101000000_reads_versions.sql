-- migrate:up
CREATE TABLE seen_versions AS SELECT version FROM schema_migrations ORDER BY 1;
-- migrate:down
DROP TABLE seen_versions;
