-- migrate:up
CREATE TYPE address AS (street text, number int);
CREATE TABLE homes (at address, others address[]);
INSERT INTO homes VALUES (ROW('High St', 1), ARRAY[ROW('Low St', 2)::address]);
ALTER TYPE address ADD ATTRIBUTE town varchar(80), DROP ATTRIBUTE number CASCADE;
ALTER TYPE address RENAME ATTRIBUTE street TO road CASCADE;
COMMENT ON TYPE address IS 'a place';
COMMENT ON COLUMN address.town IS 'its town';

-- migrate:down
DROP TABLE homes;
DROP TYPE address;
