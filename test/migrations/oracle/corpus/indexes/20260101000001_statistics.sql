-- migrate:up
CREATE STATISTICS searched_both (ndistinct, dependencies) ON id, t FROM searched;
COMMENT ON STATISTICS searched_both IS 'together';
CREATE INDEX searched_expression ON searched (lower(t));
ALTER INDEX searched_expression ALTER COLUMN 1 SET STATISTICS 100;
ALTER INDEX searched_j SET (fastupdate = on);
-- migrate:down
ALTER INDEX searched_j SET (fastupdate = off);
DROP INDEX searched_expression;
DROP STATISTICS searched_both;
