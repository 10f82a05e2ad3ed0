-- migrate:up
CREATE TABLE eventful (id int);
CREATE INDEX CONCURRENTLY eventful_id ON eventful (id);
-- migrate:down
DROP TABLE eventful;
