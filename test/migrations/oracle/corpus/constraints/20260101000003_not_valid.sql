-- migrate:up
ALTER TABLE children ADD CONSTRAINT n_small CHECK (n < 5) NOT VALID;
ALTER TABLE children ADD CONSTRAINT to_parent FOREIGN KEY (parent) REFERENCES parents ON DELETE CASCADE NOT VALID;
ALTER TABLE children VALIDATE CONSTRAINT to_parent;
CREATE UNIQUE INDEX parents_by_id ON parents (id);
ALTER TABLE parents ADD CONSTRAINT parents_twice UNIQUE USING INDEX parents_by_id;
-- migrate:down
ALTER TABLE parents DROP CONSTRAINT parents_twice;
ALTER TABLE children DROP CONSTRAINT to_parent, DROP CONSTRAINT n_small;
