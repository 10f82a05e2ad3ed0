-- migrate:up
CREATE TABLE events (id int, kind text);
CREATE TYPE level AS ENUM ('low');
-- migrate:down
DROP TYPE level;
DROP TABLE events;
