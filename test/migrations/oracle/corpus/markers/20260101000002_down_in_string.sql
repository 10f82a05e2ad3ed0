-- migrate:up
CREATE TABLE marked_text (t text);
INSERT INTO marked_text VALUES (' -- migrate:down '), ('x -- migrate:up');
  -- migrate:down is indented here and thus a comment
-- migrate:down
DROP TABLE marked_text;
