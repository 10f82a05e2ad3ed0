-- migrate:up
CREATE TYPE colour AS ENUM ('red');
ALTER TYPE colour ADD VALUE 'blue';
CREATE TABLE paints (colour colour DEFAULT 'blue');
INSERT INTO paints DEFAULT VALUES;

-- migrate:down
DROP TABLE paints;
DROP TYPE colour;
