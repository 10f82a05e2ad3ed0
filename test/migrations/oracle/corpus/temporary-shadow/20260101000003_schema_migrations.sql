-- migrate:up
CREATE TEMP TABLE schema_migrations (version text) ON COMMIT DROP;
INSERT INTO schema_migrations VALUES ('x');
-- migrate:down
SELECT 1;
