-- migrate:up
CREATE TABLE received AS SELECT * FROM handed_on;
-- migrate:down
DROP TABLE received;
