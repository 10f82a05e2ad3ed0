-- migrate:up
COPY (SELECT 1) TO STDOUT;
-- migrate:down
SELECT 1;
