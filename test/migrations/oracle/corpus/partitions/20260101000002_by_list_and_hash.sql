-- migrate:up
CREATE TABLE customers (id int, country text, PRIMARY KEY (id, country)) PARTITION BY LIST (country);
CREATE TABLE customers_eu PARTITION OF customers FOR VALUES IN ('AT', 'DE', NULL) PARTITION BY HASH (id);
CREATE TABLE customers_eu_0 PARTITION OF customers_eu FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE customers_eu_1 PARTITION OF customers_eu FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO customers SELECT n, 'AT' FROM generate_series(1, 20) n;

-- migrate:down
DROP TABLE customers CASCADE;
