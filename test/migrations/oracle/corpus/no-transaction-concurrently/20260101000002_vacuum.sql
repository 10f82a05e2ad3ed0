-- migrate:up transaction:false
VACUUM ANALYZE events;
-- migrate:down transaction:false
REINDEX TABLE CONCURRENTLY events;
