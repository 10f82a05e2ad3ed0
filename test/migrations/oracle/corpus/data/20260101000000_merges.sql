-- migrate:up
CREATE TABLE stock (item text PRIMARY KEY, n int);
INSERT INTO stock VALUES ('a', 1), ('b', 2), ('c', 3);
MERGE INTO stock s USING (VALUES ('a', 10), ('z', 26)) v (item, n) ON s.item = v.item
  WHEN MATCHED THEN UPDATE SET n = s.n + v.n WHEN NOT MATCHED THEN INSERT VALUES (v.item, v.n);
INSERT INTO stock VALUES ('b', 5) ON CONFLICT (item) DO UPDATE SET n = excluded.n RETURNING *;
WITH gone AS (DELETE FROM stock WHERE item = 'c' RETURNING *) INSERT INTO stock SELECT item || item, n FROM gone;
-- migrate:down
DROP TABLE stock;
