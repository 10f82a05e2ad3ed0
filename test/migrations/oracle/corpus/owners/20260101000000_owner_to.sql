-- migrate:up
CREATE TABLE owned (n int);
ALTER TABLE owned OWNER TO settlement_owner;
ALTER TABLE owned OWNER TO CURRENT_USER;
REASSIGN OWNED BY settlement_owner TO settlement_owner;
-- migrate:down
DROP TABLE owned;
