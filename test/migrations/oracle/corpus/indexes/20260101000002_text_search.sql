-- migrate:up
CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple);
CREATE COLLATION numeric_order (provider = icu, locale = 'en-u-kn-true');
CREATE TABLE sorted (t text COLLATE numeric_order);
INSERT INTO sorted VALUES ('a10'), ('a2');
-- migrate:down
DROP TABLE sorted;
DROP COLLATION numeric_order;
DROP TEXT SEARCH CONFIGURATION plain;
