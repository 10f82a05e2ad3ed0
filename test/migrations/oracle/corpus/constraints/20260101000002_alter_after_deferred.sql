-- migrate:up
ALTER TABLE children ADD COLUMN note text;
ALTER TABLE parents ADD COLUMN note text;
INSERT INTO children VALUES (3, 9);
INSERT INTO parents VALUES (3);
-- migrate:down
ALTER TABLE parents DROP COLUMN note;
ALTER TABLE children DROP COLUMN note;
