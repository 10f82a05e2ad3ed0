-- migrate:up
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
CREATE TABLE isolated AS SELECT current_setting('transaction_isolation') AS level;
-- migrate:down
DROP TABLE isolated;
