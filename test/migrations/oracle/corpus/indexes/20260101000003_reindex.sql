-- migrate:up
REINDEX INDEX searched_j;
REINDEX TABLE searched;
DROP INDEX searched_j;
-- migrate:down
CREATE INDEX searched_j ON searched USING gin (j jsonb_path_ops) WITH (fastupdate = off);
