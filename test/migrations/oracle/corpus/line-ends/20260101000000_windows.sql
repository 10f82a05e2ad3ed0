-- migrate:up
CREATE TABLE windows (n int,
  t text DEFAULT 'a
b');
-- a comment; at the end of a line
INSERT INTO windows VALUES (1, 'one'), (2, 'two
lines');
CREATE FUNCTION windows() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  -- comment
  RETURN 1;
END
$$;

-- migrate:down
DROP FUNCTION windows();
DROP TABLE windows;
