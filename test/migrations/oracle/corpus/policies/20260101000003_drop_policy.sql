-- migrate:up
DROP POLICY small ON notes;
ALTER TABLE notes DISABLE ROW LEVEL SECURITY;

-- migrate:down
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY small ON notes AS RESTRICTIVE FOR INSERT TO settlement_user WITH CHECK (length(text) < 100);
