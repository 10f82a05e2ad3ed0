-- migrate:up
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
INSERT INTO notes VALUES (2);
ALTER POLICY own ON notes TO settlement_owner USING (true);

-- migrate:down
ALTER POLICY own ON notes TO PUBLIC USING (owner = current_user);
ALTER TABLE notes NO FORCE ROW LEVEL SECURITY;
DELETE FROM notes WHERE id = 2;
