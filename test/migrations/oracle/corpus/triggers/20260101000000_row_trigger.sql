-- migrate:up
CREATE TABLE orders (id int PRIMARY KEY, total int, changed int DEFAULT 0);
CREATE TABLE history (what text);
CREATE FUNCTION count_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.changed := OLD.changed + 1;
  INSERT INTO history VALUES (TG_OP || ' ' || TG_TABLE_NAME || ' ' || coalesce(TG_ARGV[0], ''));
  RETURN NEW;
END;
$$;
CREATE TRIGGER count_change BEFORE UPDATE OF total ON orders
  FOR EACH ROW WHEN (OLD.total IS DISTINCT FROM NEW.total) EXECUTE FUNCTION count_change('it''s');
INSERT INTO orders VALUES (1, 10);
UPDATE orders SET total = 20;
UPDATE orders SET total = 20;

-- migrate:down
DROP TABLE orders, history;
DROP FUNCTION count_change;
