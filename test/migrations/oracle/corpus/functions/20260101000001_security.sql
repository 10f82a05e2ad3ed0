-- migrate:up
CREATE FUNCTION secret() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
'BEGIN RETURN ''it''''s a secret''; END';
REVOKE ALL ON FUNCTION secret() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION secret() TO settlement_user;
COMMENT ON FUNCTION secret() IS 'tells one';
ALTER FUNCTION secret() SET work_mem = '8MB';

-- migrate:down
DROP FUNCTION secret();
