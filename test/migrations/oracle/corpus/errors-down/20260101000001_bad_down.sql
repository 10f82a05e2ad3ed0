-- migrate:up
CREATE TABLE needs_base (id int REFERENCES base);
-- migrate:down
DROP TABLE needs_base;
SELECT 1 / 0;
