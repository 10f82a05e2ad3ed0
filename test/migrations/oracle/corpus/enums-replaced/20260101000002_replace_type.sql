-- migrate:up
CREATE TYPE colour_of_today AS ENUM ('red', 'blue', 'yellow');
ALTER TABLE paints ALTER COLUMN colour DROP DEFAULT;
ALTER TABLE paints ALTER COLUMN colour TYPE colour_of_today USING colour::text::colour_of_today;

-- migrate:down
ALTER TABLE paints ALTER COLUMN colour TYPE colour USING colour::text::colour;
ALTER TABLE paints ALTER COLUMN colour SET DEFAULT 'blue';
DROP TYPE colour_of_today;
