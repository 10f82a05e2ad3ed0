-- migrate:up
CREATE TABLE events (id int, kind text);
-- migrate:down
DROP TABLE events;
