-- migrate:up
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO history SELECT 'new ' || count(*) FROM added;
  RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT ON orders REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION note();
ALTER TABLE orders DISABLE TRIGGER count_change;
ALTER TABLE orders ENABLE ALWAYS TRIGGER note;
INSERT INTO orders VALUES (3, 1), (4, 1);
COMMENT ON TRIGGER note ON orders IS 'writes history';

-- migrate:down
DELETE FROM orders WHERE id IN (3, 4);
ALTER TABLE orders ENABLE TRIGGER count_change;
DROP TRIGGER note ON orders;
DROP FUNCTION note;
