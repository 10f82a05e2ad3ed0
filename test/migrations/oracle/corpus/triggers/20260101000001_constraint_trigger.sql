-- migrate:up
CREATE FUNCTION check_total() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT total FROM orders WHERE id = NEW.id) < 0 THEN RAISE EXCEPTION 'order % is negative', NEW.id; END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER check_total AFTER INSERT OR UPDATE ON orders DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION check_total();
INSERT INTO orders VALUES (2, -5);
UPDATE orders SET total = 5 WHERE id = 2;

-- migrate:down
DROP TRIGGER check_total ON orders;
DROP FUNCTION check_total;
DELETE FROM orders WHERE id = 2;
