-- migrate:up
SET search_path = app, public;
CREATE TABLE unqualified (n int);
CREATE FUNCTION here() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- migrate:down
SET search_path TO app;
DROP FUNCTION here();
DROP TABLE unqualified;
