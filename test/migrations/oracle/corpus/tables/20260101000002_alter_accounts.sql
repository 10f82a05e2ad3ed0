-- migrate:up
ALTER TABLE accounts ADD COLUMN currency char(3) NOT NULL DEFAULT 'EUR', ADD COLUMN closed boolean;
ALTER TABLE accounts ALTER COLUMN name TYPE varchar(200), ALTER COLUMN name SET DEFAULT 'none';
ALTER TABLE accounts RENAME COLUMN opened TO opened_on;
ALTER TABLE accounts ALTER COLUMN details SET STORAGE EXTERNAL;
ALTER TABLE accounts ALTER COLUMN currency SET STATISTICS 500;
UPDATE accounts SET closed = (id = 2);

-- migrate:down
ALTER TABLE accounts ALTER COLUMN currency SET STATISTICS -1;
ALTER TABLE accounts ALTER COLUMN details SET STORAGE EXTENDED;
ALTER TABLE accounts RENAME COLUMN opened_on TO opened;
ALTER TABLE accounts ALTER COLUMN name DROP DEFAULT, ALTER COLUMN name TYPE text;
ALTER TABLE accounts DROP COLUMN currency, DROP COLUMN closed;
