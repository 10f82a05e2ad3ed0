-- migrate:up
CREATE TABLE patterns (p text CHECK (p ~ '^[\w\s;$]+\.?$'), j jsonb DEFAULT '{"a": "\u00e9\n", "b": "\\"}');
INSERT INTO patterns (p) VALUES ('a b;c$'), (regexp_replace('x.y', '\.', ' '));

-- migrate:down
DROP TABLE patterns;
