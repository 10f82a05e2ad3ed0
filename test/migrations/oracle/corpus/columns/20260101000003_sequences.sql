-- migrate:up
CREATE SEQUENCE invoice AS integer START 1000 INCREMENT BY 2 MINVALUE 10 MAXVALUE 2000 CACHE 5 CYCLE;
CREATE SEQUENCE countdown INCREMENT BY -1;
CREATE TABLE invoices (number int DEFAULT nextval('invoice'), line int DEFAULT nextval('public.countdown'::regclass));
INSERT INTO invoices DEFAULT VALUES;
INSERT INTO invoices DEFAULT VALUES;
ALTER SEQUENCE invoice OWNED BY invoices.number;
ALTER SEQUENCE countdown RESTART WITH -50 NO CYCLE;
COMMENT ON SEQUENCE invoice IS 'numbers of invoices';

-- migrate:down
DROP TABLE invoices;
DROP SEQUENCE countdown;
