-- migrate:up transaction:false
ALTER TYPE level ADD VALUE 'high' AFTER 'low';
-- migrate:down transaction:false
SELECT 1;
