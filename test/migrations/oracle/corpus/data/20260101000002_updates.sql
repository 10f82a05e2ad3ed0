-- migrate:up
UPDATE stock SET n = n * 2 FROM (SELECT 1) AS one WHERE item IN ('a', 'b') RETURNING item;
DELETE FROM stock USING emptied WHERE stock.n = 0;
-- migrate:down
UPDATE stock SET n = n / 2 WHERE item IN ('a', 'b');
