-- migrate:up
CREATE TABLE boxes (
  width int NOT NULL, height int NOT NULL,
  area int GENERATED ALWAYS AS (width * height) STORED,
  label text GENERATED ALWAYS AS ('box ' || width::text) STORED
);
INSERT INTO boxes (width, height) VALUES (2, 3);
ALTER TABLE boxes ALTER COLUMN area DROP EXPRESSION;

-- migrate:down
DROP TABLE boxes;
