-- migrate:up transaction:false
DO $$
BEGIN
  LOOP
    UPDATE batches SET filled = true WHERE n IN (SELECT n FROM batches WHERE filled IS NULL LIMIT 10);
    EXIT WHEN NOT FOUND;
    COMMIT;
  END LOOP;
END
$$;
-- migrate:down
UPDATE batches SET filled = NULL;
