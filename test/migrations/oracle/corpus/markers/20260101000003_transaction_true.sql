-- migrate:up transaction:true
CREATE TABLE in_transaction (n int);
-- migrate:down transaction:true
DROP TABLE in_transaction;
