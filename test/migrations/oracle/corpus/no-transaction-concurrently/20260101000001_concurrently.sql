-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY events_kind ON events (kind);
-- migrate:down transaction:false
DROP INDEX CONCURRENTLY events_kind;
