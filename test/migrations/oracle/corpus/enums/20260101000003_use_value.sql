-- migrate:up
INSERT INTO people VALUES ('b', 'sad', '{angry}');
CREATE INDEX sad_people ON people (name) WHERE current = 'sad';

-- migrate:down
DROP INDEX sad_people;
DELETE FROM people WHERE name = 'b';
