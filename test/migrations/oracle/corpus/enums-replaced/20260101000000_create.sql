-- migrate:up
CREATE TYPE colour AS ENUM ('red', 'blue');
CREATE TABLE paints (colour colour DEFAULT 'blue');
INSERT INTO paints DEFAULT VALUES;

-- migrate:down
DROP TABLE paints;
DROP TYPE colour;
