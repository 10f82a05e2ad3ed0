-- migrate:up
CREATE FUNCTION newest() RETURNS text LANGUAGE sql AS 'SELECT max(version) FROM schema_migrations';
CREATE TABLE at_version AS SELECT newest() AS v;
-- migrate:down
DROP TABLE at_version;
DROP FUNCTION newest();
