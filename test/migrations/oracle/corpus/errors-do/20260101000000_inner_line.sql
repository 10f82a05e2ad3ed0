-- migrate:up
DO $$
BEGIN
  PERFORM 1;
  RAISE EXCEPTION 'line % of the block', 3 USING DETAIL = 'd', HINT = 'h';
END
$$;
-- migrate:down
SELECT 1;
