-- migrate:up
ALTER TYPE mood ADD VALUE 'sad' BEFORE 'ünhappy';
ALTER TYPE mood ADD VALUE IF NOT EXISTS 'angry';

-- migrate:down
-- A label cannot be removed.
SELECT 1;
