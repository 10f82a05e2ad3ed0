-- migrate:up
ALTER TYPE colour ADD VALUE 'green';

-- migrate:down
SELECT 'a label stays';
