-- migrate:up
CREATE OR REPLACE FUNCTION total() RETURNS int LANGUAGE sql AS $sql$
  -- a comment; with a semicolon
  SELECT 2 /* and $$ another */
$sql$;

-- migrate:down
CREATE OR REPLACE FUNCTION total() RETURNS int LANGUAGE sql AS 'SELECT 1';
