-- migrate:up
ALTER TABLE plan ADD COLUMN price numeric;
INSERT INTO plan VALUES (1, 'basic', 9.99);
COMMENT ON TABLE plan IS 'what a customer pays';

-- migrate:down
COMMENT ON TABLE plan IS NULL;
DELETE FROM plan;
ALTER TABLE plan DROP COLUMN price;
