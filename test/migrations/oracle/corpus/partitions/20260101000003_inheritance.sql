-- migrate:up
CREATE TABLE cities (name text, people int CHECK (people > 0));
CREATE TABLE capitals (state char(2) UNIQUE) INHERITS (cities);
INSERT INTO cities VALUES ('Linz', 210000);
INSERT INTO capitals VALUES ('Wien', 2000000, 'AT');
ALTER TABLE cities ADD COLUMN river text DEFAULT 'Donau';
UPDATE cities SET people = people + 1;

-- migrate:down
DROP TABLE capitals;
DROP TABLE cities;
