-- migrate:up
CREATE VIEW big_orders AS SELECT * FROM orders WHERE total > 5;
CREATE FUNCTION into_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orders VALUES (NEW.id, NEW.total + 100);
  RETURN NEW;
END $$;
CREATE TRIGGER into_orders INSTEAD OF INSERT ON big_orders FOR EACH ROW EXECUTE FUNCTION into_orders();
INSERT INTO big_orders VALUES (10, 1);

-- migrate:down
DELETE FROM orders WHERE id = 10;
DROP VIEW big_orders;
DROP FUNCTION into_orders;
