-- migrate:up transaction:false
CREATE TABLE kept_or_not (n int);
SELECT 1 / 0;
-- migrate:down transaction:false
DROP TABLE kept_or_not;
