-- migrate:up
ALTER TYPE mood RENAME VALUE 'happy' TO 'glad';

-- migrate:down
ALTER TYPE mood RENAME VALUE 'glad' TO 'happy';
