-- migrate:up
CREATE TABLE audit (what text);
CREATE RULE audited AS ON UPDATE TO sales DO ALSO (INSERT INTO audit VALUES (OLD.amount || ';' || NEW.amount); INSERT INTO audit VALUES ('second'));
CREATE RULE never_deleted AS ON DELETE TO sales WHERE OLD.amount = 3 DO INSTEAD NOTHING;
UPDATE sales SET amount = amount + 1 WHERE amount = 7;
DELETE FROM sales WHERE amount = 3;
-- migrate:down
DROP RULE never_deleted ON sales;
DROP RULE audited ON sales;
UPDATE sales SET amount = 7 WHERE day = '2026-01-08';
DROP TABLE audit;
