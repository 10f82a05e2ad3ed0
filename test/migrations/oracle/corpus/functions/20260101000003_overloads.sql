-- migrate:up
CREATE FUNCTION price(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION price(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
ALTER FUNCTION price(text) RENAME TO price_of;
ALTER FUNCTION price(int) COST 1 IMMUTABLE;

-- migrate:down
DROP FUNCTION price_of(text), price(int);
