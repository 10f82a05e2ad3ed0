-- migrate:up
CREATE TABLE latin (t text);
INSERT INTO latin VALUES ('über');

-- migrate:down
DROP TABLE latin;
