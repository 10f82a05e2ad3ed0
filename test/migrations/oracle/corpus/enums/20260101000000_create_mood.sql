-- migrate:up
CREATE TYPE mood AS ENUM ('happy', 'it''s fine', 'ünhappy');
CREATE TABLE people (name text, current mood DEFAULT 'happy', moods mood[]);
INSERT INTO people VALUES ('a', 'it''s fine', '{happy,"it''s fine"}');

-- migrate:down
DROP TABLE people;
DROP TYPE mood;
