-- migrate:up
CREATE TABLE never_reached (n int);
-- migrate:down
DROP TABLE never_reached;
