-- migrate:up
ALTER TYPE size ADD VALUE 'xl';
INSERT INTO shirts VALUES ('xl');

-- migrate:down
DELETE FROM shirts;
