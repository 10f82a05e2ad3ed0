-- migrate:up
CREATE TABLE notes (id int PRIMARY KEY, owner name DEFAULT current_user, text text);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (owner = current_user) WITH CHECK (owner = current_user);
CREATE POLICY readable ON notes AS PERMISSIVE FOR SELECT TO PUBLIC USING (true);
CREATE POLICY small ON notes AS RESTRICTIVE FOR INSERT TO settlement_user WITH CHECK (length(text) < 100);
INSERT INTO notes VALUES (1, 'settlement_owner', 'a');
COMMENT ON POLICY own ON notes IS 'each its own';

-- migrate:down
DROP TABLE notes;
